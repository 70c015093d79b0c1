// One stack.

import { memo } from "react";
import { Link } from "wouter";
import type { FleetRow } from "../../api/types";
import { FLEET, State } from "../../parts/State";
import { When } from "../../parts/When";
import { counted, seconds } from "../../words/units";
import { ageOf, type Column, isOverRpo, isOverRto } from "./filter";

export const COLUMNS: [Column, string][] = [
  ["name", "Stack"],
  ["state", "State"],
  ["newest", "Newest restore point"],
  ["proven", "Last proof"],
  ["restore", "A restore takes"],
  ["now", "Now"],
];

export const FleetLine = memo(function FleetLine({ row, index, offset }: { row: FleetRow; index: number; offset: number }) {
  const href = `/${row.is_stack ? "stacks" : "sources"}/${encodeURIComponent(row.name)}`;
  return (
    <div role="row" aria-rowindex={index + 2} className="fleet-row" style={{ transform: `translateY(${offset}px)` }}>
      <div role="cell" className="fleet-name"><Link href={href}>{row.name}</Link></div>
      <div role="cell" className="fleet-state">
        <State look={FLEET[row.state]} size="sm" />
        {row.reason && <span className="reason" title={row.reason}>{row.reason}</span>}
      </div>
      <div role="cell" data-label="newest"><Newest row={row} /></div>
      <div role="cell" data-label="proven"><When at={row.proven} none="never proven" /></div>
      <div role="cell" data-label="restore"><Restore row={row} /></div>
      <div role="cell" data-label="now"><Work row={row} /></div>
    </div>
  );
});

function Newest({ row }: { row: FleetRow }) {
  if (row.behind_seconds == null) return <span className={isOverRpo(row) ? "over" : "dim"}>none known{promise(row.rpo_seconds, "RPO")}</span>;
  const age = ageOf(row.behind_seconds);
  return (
    <span className={isOverRpo(row) ? "over" : undefined}>
      {isOverRpo(row) && "over: "}{age}<span className="dim">{promise(row.rpo_seconds, "RPO")}</span>
    </span>
  );
}

function Restore({ row }: { row: FleetRow }) {
  if (row.projected_seconds == null) return <span className="dim">not measured{promise(row.rto_seconds, "RTO")}</span>;
  return (
    <span className={isOverRto(row) ? "over" : undefined}>
      {isOverRto(row) && "over: "}about {seconds(row.projected_seconds)}<span className="dim">{promise(row.rto_seconds, "RTO")}</span>
    </span>
  );
}

function promise(length: number | null | undefined, name: string): string {
  return length == null ? "" : ` · ${name} ${seconds(length)}`;
}

function Work({ row }: { row: FleetRow }) {
  const parts = [
    row.critical + row.warnings > 0 && counted(row.critical + row.warnings, "alarm", "alarms"),
    row.moving > 0 && `${row.moving} running`,
    row.waiting > 0 && `${row.waiting} waiting for a person`,
  ].filter(Boolean);
  return parts.length > 0 ? <span>{parts.join(" · ")}</span> : <span className="dim">quiet</span>;
}
