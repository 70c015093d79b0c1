// Thousands of rows, of which only those that are seen are drawn. To who cannot see it is a table of all of them.

import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { memo, useLayoutEffect, useRef, useState } from "react";
import type { FleetRow } from "../../api/types";
import { FleetLine, COLUMNS } from "./FleetLine";
import { type Order, pressed } from "./filter";

const ROW_HEIGHT = 56;
const OVERSCAN = 8;

export const FleetTable = memo(function FleetTable({ rows, order, onOrder }: { rows: FleetRow[]; order: Order; onOrder: (order: Order) => void }) {
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
        {COLUMNS.map(([column, name]) => (
          <div key={column} role="columnheader" aria-sort={order.by !== column ? "none" : order.reversed ? "descending" : "ascending"}>
            <button type="button" onClick={() => onOrder(pressed(order, column))}>
              {name}<span aria-hidden>{order.by !== column ? "" : order.reversed ? " ▲" : " ▼"}</span>
            </button>
          </div>
        ))}
      </div>
      <div ref={body} role="rowgroup" className="fleet-body" style={{ height: seen.getTotalSize() }}>
        {seen.getVirtualItems().map((item) => (
          <FleetLine key={rows[item.index]!.name} row={rows[item.index]!} index={item.index} offset={item.start - top} />
        ))}
      </div>
    </div>
  );
});
