// Thousands of rows, of which only those that are seen are drawn. To who cannot see it is a table of all of them.

import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef, useState } from "react";
import type { FleetRow } from "../../api/types";
import { FleetLine, COLUMNS } from "./FleetLine";

const ROW_HEIGHT = 56;
const OVERSCAN = 8;

export function FleetTable({ rows }: { rows: FleetRow[] }) {
  const body = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(body.current?.offsetTop ?? 0), []);
  const seen = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
    overscan: OVERSCAN,
    scrollMargin: top,
  });
  return (
    <div role="table" aria-label="Stacks" aria-rowcount={rows.length + 1} className="fleet">
      <div role="row" aria-rowindex={1} className="fleet-row fleet-head">
        {COLUMNS.map((column) => <div key={column} role="columnheader">{column}</div>)}
      </div>
      <div ref={body} role="rowgroup" className="fleet-body" style={{ height: seen.getTotalSize() }}>
        {seen.getVirtualItems().map((item) => (
          <FleetLine key={rows[item.index]!.name} row={rows[item.index]!} index={item.index} offset={item.start - top} />
        ))}
      </div>
    </div>
  );
}
