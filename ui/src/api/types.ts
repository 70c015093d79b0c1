// The wire's types under the names by which the pages speak of them. All of them are generated from docs/openapi.json.

import type { components, paths } from "./schema.gen";

type Schemas = components["schemas"];

export type Paths = paths;
export type AlarmDetail = Schemas["AlarmDetail"];
export type Alarm = Schemas["AlarmView"];
export type ApplyAnswer = Schemas["ApplyAnswer"];
export type AuditRecord = Schemas["AuditRecord"];
export type Back = Schemas["BackView"];
export type Backup = Schemas["BackupView"];
export type Channel = Schemas["ChannelView"];
export type ChannelTest = Schemas["ChannelTest"];
export type DrillReport = Schemas["DrillReport"];
export type ErrorBody = Schemas["ErrorBody"];
export type ExtractAsk = Schemas["ExtractAsk"];
export type Finding = Schemas["FindingView"];
export type FleetRow = Schemas["FleetRow"];
export type FleetView = Schemas["FleetView"];
export type Gap = Schemas["GapView"];
export type Grant = Schemas["Grant"];
export type Instance = Schemas["InstanceView"];
export type LogLine = Schemas["LogLine"];
export type Me = Schemas["MeView"];
export type Moment = Schemas["MomentView"];
export type Operation = Schemas["Operation"];
export type Outlook = Schemas["OutlookView"];
export type OperationStatus = Schemas["OperationStatus"];
export type PlannedStep = Schemas["PlannedStep"];
export type ProtectAnswer = Schemas["ProtectAnswer"];
export type RestoreAsk = Schemas["RestoreAsk"];
export type RestorePlan = Schemas["RestorePlan"];
export type RestoreReport = Schemas["RestoreReport"];
export type Role = Schemas["Role"];
export type RowsLost = Schemas["RowsLost"];
export type RunbookReport = Schemas["RunbookReport"];
export type Source = Schemas["SourceView"];
export type Stack = Schemas["StackView"];
export type Status = Schemas["Status"];
export type Step = Schemas["StepView"];
export type Timeline = Schemas["TimelineView"];
export type Token = Schemas["TokenView"];
export type User = Schemas["UserView"];
export type Vault = Schemas["VaultView"];
export type Volume = Schemas["VolumeView"];
export type Window = Schemas["WindowView"];
