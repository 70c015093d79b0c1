// The moment is opened, read through and checked, to prove that it can be restored.

import { useLocation } from "wouter";
import { api, ask } from "../../api/client";
import { Sure } from "../../parts/Sure";
import { InBothZones } from "../../parts/When";

export function DrillHere({ source, at, disabled }: { source: string; at: Date; disabled: boolean }) {
  const [, go] = useLocation();
  const begin = () => {
    const body = { target: { time: at.toISOString() } };
    return ask(api.POST("/api/v1/sources/{name}/drills", { params: { path: { name: source } }, body }));
  };
  return (
    <Sure
      title="Drill this moment"
      what={<>It is opened beside {source}, every page is read and every index checked. What is found is sealed into the vault as evidence. <InBothZones at={at} /></>}
      act={begin}
      then={(operation) => go(`/operations/${operation.id}`)}
      label="Drill"
      variant="default"
      disabled={disabled}
    >
      Drill
    </Sure>
  );
}
