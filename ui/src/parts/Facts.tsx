// Words and what they are, in two columns; one on a phone.

import type { ReactNode } from "react";

export type Fact = [name: string, value: ReactNode];

export function Facts({ facts, label }: { facts: (Fact | false | undefined | null)[]; label?: string }) {
  return (
    <dl className="facts" aria-label={label}>
      {facts.filter((fact): fact is Fact => Boolean(fact)).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
