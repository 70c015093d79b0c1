//! What of a restore is back, in three that are shown apart, as none follows from another: the data, whether one gets in with today's
//! credentials, and whether what uses it works.

use api::{
    BackView, FacetState, FacetView, Operation, OperationKind, OperationStatus, RestoringView, StepStatus, StepView,
};

/// The step with which the data is back.
const DATA: [&str; 5] = ["cut-over", "exchange", "restore", "open", "extract"];
const IN_PLACE: [&str; 2] = ["cut-over", "exchange"];
const CONNECTIVITY: [&str; 1] = ["connect"];
const BEHAVIOUR: [&str; 2] = ["health", "smoke"];

/// `failing` is the step whose last try failed. Nothing for an operation that restores nothing.
pub(crate) fn of(kind: OperationKind, steps: &[StepView], failing: Option<&str>) -> Option<BackView> {
    let restores = matches!(kind, OperationKind::Restore | OperationKind::Extract);
    restores.then(|| {
        let of_names = |names: &[&str]| facet(steps.iter().filter(|step| names.contains(&step.name.as_str())), failing);
        BackView { data: of_names(&DATA), connectivity: of_names(&CONNECTIVITY), behaviour: of_names(&BEHAVIOUR) }
    })
}

/// What several steps look at is as the one that stands worst.
fn facet<'a>(steps: impl Iterator<Item = &'a StepView>, failing: Option<&str>) -> FacetView {
    let of_step = |step: &StepView| FacetView {
        state: match step.status {
            StepStatus::Undoing | StepStatus::HalfUndone | StepStatus::Undone => FacetState::TakenBack,
            StepStatus::Done => FacetState::Well,
            _ if failing == Some(&step.name) => FacetState::Failed,
            StepStatus::InFlight | StepStatus::Unknown => FacetState::Checking,
            StepStatus::Waiting => FacetState::Waiting,
        },
        step: Some(step.name.clone()),
        since: step.ended.or(step.began),
    };
    let none = FacetView { state: FacetState::NotChecked, step: None, since: None };
    steps.map(of_step).max_by_key(|facet| facet.state).unwrap_or(none)
}

/// The restore in the place of a source that is under way, among those that are.
pub(crate) fn restoring(operations: &[Operation], source: &str) -> Option<RestoringView> {
    let has_begun = |operation: &&Operation| {
        use OperationStatus::{AwaitingApproval, Planned, Waiting};
        !operation.status.is_over() && !matches!(operation.status, Planned | AwaitingApproval | Waiting)
    };
    let in_place = |operation: &&Operation| operation.steps.iter().any(|step| IN_PLACE.contains(&step.name.as_str()));
    let mine = operations.iter().filter(|operation| operation.source.as_deref() == Some(source));
    let one = mine.filter(in_place).find(has_begun)?;
    Some(RestoringView { operation: one.id.clone(), status: one.status, step: one.step.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, status: StepStatus) -> StepView {
        StepView {
            name: name.into(),
            what: String::new(),
            undo: None,
            status,
            attempt: 1,
            attempts: 2,
            began: None,
            ended: None,
            seconds_planned: None,
        }
    }

    fn states(steps: &[(&str, StepStatus)], failing: Option<&str>) -> [FacetState; 3] {
        let steps: Vec<StepView> = steps.iter().map(|(name, status)| step(name, *status)).collect();
        let back = of(OperationKind::Restore, &steps, failing).unwrap();
        [back.data.state, back.connectivity.state, back.behaviour.state]
    }

    #[test]
    fn none_of_the_three_follows_from_another() {
        use FacetState::{Checking, Failed, NotChecked, TakenBack, Waiting, Well};
        use StepStatus::{Done, InFlight, Undone};
        let (w, d) = (StepStatus::Waiting, Done);
        let steps = |a, b, c, e| [("cut-over", a), ("connect", b), ("health", c), ("smoke", e)];
        assert_eq!(states(&steps(w, w, w, w), None), [Waiting; 3]);
        assert_eq!(states(&steps(InFlight, w, w, w), None), [Checking, Waiting, Waiting]);
        assert_eq!(states(&steps(d, w, w, w), Some("connect")), [Well, Failed, Waiting]);
        assert_eq!(states(&steps(d, d, d, InFlight), None), [Well, Well, Checking]);
        assert_eq!(states(&steps(d, d, d, w), Some("smoke")), [Well, Well, Failed]);
        assert_eq!(states(&steps(d, d, d, d), None), [Well; 3]);
        assert_eq!(states(&steps(Undone, d, w, w), None), [TakenBack, Well, Waiting]);
        assert_eq!(states(&[("restore", d)], None), [Well, NotChecked, NotChecked]);
        assert!(of(OperationKind::Backup, &[], None).is_none());
    }
}
