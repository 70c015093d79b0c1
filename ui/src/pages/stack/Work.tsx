// What was done with a source lately.

import { useQuery } from "@tanstack/react-query";
import { operationsOptions } from "../../api/queries";
import { Card } from "../../parts/Card";
import { Empty } from "../../parts/Empty";
import { Loaded } from "../../parts/Loaded";
import { OperationTable } from "../operation/OperationTable";

const SHOWN = 8;

export function Work({ source }: { source: string }) {
  const query = useQuery(operationsOptions({ source, limit: SHOWN }));
  return (
    <Card title="Operations">
      <Loaded query={query}>
        {(operations) => (operations.length === 0 ? <Empty title="Nothing was done with it yet" /> : <OperationTable operations={operations} />)}
      </Loaded>
    </Card>
  );
}
