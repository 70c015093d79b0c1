// A page that breaks does not take the others with it, and says what broke.

import { Component, type ReactNode } from "react";
import { Problem } from "../parts/Problem";

interface Props {
  children: ReactNode;
}

interface Held {
  error: Error | undefined;
}

export class Boundary extends Component<Props, Held> {
  override state: Held = { error: undefined };

  static getDerivedStateFromError(error: Error): Held {
    return { error };
  }

  override render(): ReactNode {
    if (!this.state.error) return this.props.children;
    return <Problem error={this.state.error} what="This page broke" again={() => location.reload()} />;
  }
}
