// What may be wider than the screen: it scrolls sideways by itself, also by keys.

import type { ReactNode } from "react";

export function Wide({ minWidth, children }: { minWidth: number; children: ReactNode }) {
  return (
    <div className="sideways" tabIndex={0} role="region" aria-label="Table">
      <div style={{ minWidth }}>{children}</div>
    </div>
  );
}
