//! A deployment or stateful set of Kubernetes, scaled to none and back. Built with the feature `kubernetes` alone. It never ran against a
//! cluster: none was to be had.

use std::path::PathBuf;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deadline::{Deadline, Seen};
use super::settings::{wrong_name, wrong_path, wrong_seconds};
use super::{Service, Standing};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

/// Exactly one of `deployment` and `stateful_set` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kubernetes {
    pub(crate) namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stateful_set: Option<String>,
    /// As `kubectl` reads it. Without one: KUBECONFIG of the daemon's environment, or the service account of the pod it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kubeconfig: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

fn timeout_seconds() -> u64 {
    180
}

/// What both kinds have: how many are wished, how many are there, and by what they are found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scaled {
    wished: i32,
    there: i32,
    selector: String,
}

impl Scaled {
    fn of(scale: &Scale) -> Outcome<Scaled> {
        let wished = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
        let status = scale.status.as_ref();
        let selector = status.and_then(|status| status.selector.clone()).filter(|selector| !selector.is_empty());
        // Without it the pods could not be found, and all of the namespace are not meant.
        let selector =
            selector.ok_or_else(|| Trouble::refused("the cluster does not say by what the pods are found"))?;
        Ok(Scaled { wished, there: status.map_or(0, |status| status.replicas), selector })
    }
}

impl Kubernetes {
    pub(super) fn wrong(&self) -> Option<String> {
        let name = match (&self.deployment, &self.stateful_set) {
            (Some(name), None) => wrong_name("deployment", name, ".-"),
            (None, Some(name)) => wrong_name("stateful_set", name, ".-"),
            _ => Some("exactly one of deployment and stateful_set says which".to_owned()),
        };
        name.or_else(|| wrong_name("namespace", &self.namespace, "-"))
            .or_else(|| wrong_path("kubeconfig", self.kubeconfig.as_deref()))
            .or_else(|| wrong_seconds("timeout_seconds", self.timeout_seconds))
    }

    fn name(&self) -> &str {
        self.deployment.as_deref().or(self.stateful_set.as_deref()).unwrap_or_default()
    }

    async fn client(&self, host: &Host) -> Outcome<Client> {
        let said = self.kubeconfig.clone().or_else(|| host.variable("KUBECONFIG").map(PathBuf::from));
        let usual = Some(host.home.join(".kube/config")).filter(|path| path.exists());
        let config = match said.or(usual) {
            None => Config::incluster().map_err(|e| Trouble::refused(format!("no cluster is known: {e}")))?,
            Some(path) => {
                let unread = |e: &dyn std::fmt::Display| Trouble::refused(format!("{}: {e}", path.display()));
                let file = Kubeconfig::read_from(&path).map_err(|e| unread(&e))?;
                let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(file, &options).await.map_err(|e| unread(&e))?
            }
        };
        Client::try_from(config).map_err(|e| Trouble::refused(format!("no client for the cluster: {e}")))
    }

    async fn scale(&self, client: &Client) -> Outcome<Scaled> {
        let (client, name) = (client.clone(), self.name());
        let scale = match self.deployment.is_some() {
            true => Api::<Deployment>::namespaced(client, &self.namespace).get_scale(name).await,
            false => Api::<StatefulSet>::namespaced(client, &self.namespace).get_scale(name).await,
        };
        Scaled::of(&scale.map_err(|e| self.told(&e))?)
    }

    async fn scale_to(&self, client: &Client, replicas: i32) -> Outcome<()> {
        let (client, name, options) = (client.clone(), self.name(), PatchParams::default());
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let scale = match self.deployment.is_some() {
            true => Api::<Deployment>::namespaced(client, &self.namespace).patch_scale(name, &options, &patch).await,
            false => Api::<StatefulSet>::namespaced(client, &self.namespace).patch_scale(name, &options, &patch).await,
        };
        scale.map(drop).map_err(|e| self.told(&e))
    }

    /// All of them, also those that are ending, and how many are ready.
    async fn pods(&self, client: &Client, selector: &str) -> Outcome<(usize, usize)> {
        let pods = Api::<Pod>::namespaced(client.clone(), &self.namespace);
        let pods = pods.list(&ListParams::default().labels(selector)).await.map_err(|e| self.told(&e))?;
        let running: Vec<&Pod> = pods.items.iter().filter(|pod| !is_over(pod)).collect();
        Ok((running.len(), running.iter().filter(|pod| is_ready(pod)).count()))
    }

    fn told(&self, error: &kube::Error) -> Trouble {
        match error {
            kube::Error::Api(status) => {
                let what = format!("the cluster said {} of {}: {}", status.code, self.what(), status.message);
                let hint = "does it exist, and may this account get and patch its scale, and list pods?";
                Trouble { passes: status.code >= 500 || status.code == 429, ..Trouble::refused(what).hint(hint) }
            }
            other => Trouble::away(format!("the cluster does not answer: {other}"))
                .hint("is the address in the kubeconfig right, and does the API server run?"),
        }
    }

    async fn bring(&self, client: &Client, replicas: i32, deadline: Deadline) -> Outcome<()> {
        if self.scale(client).await?.wished != replicas {
            self.scale_to(client, replicas).await?;
        }
        let seen = || async {
            let scaled = self.scale(client).await?;
            let (all, ready) = self.pods(client, &scaled.selector).await?;
            let wanted = usize::try_from(replicas).unwrap_or_default();
            let as_wished = all == wanted && ready == wanted && scaled.wished == replicas;
            let told = format!("{ready} of {replicas} pods are ready, {all} are there");
            Ok(if as_wished { Seen::AsWished } else { Seen::NotYet(told) })
        };
        deadline.until(seen).await
    }
}

fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// As many as ran. Where nothing is known: as many as are wished now, and at least one.
fn replicas(was: &Value, wished: i32) -> Outcome<i32> {
    if was.is_null() {
        return Ok(wished.max(1));
    }
    let replicas = was.as_i64().and_then(|replicas| i32::try_from(replicas).ok()).filter(|replicas| *replicas > 0);
    replicas.ok_or_else(|| Trouble::refused(format!("{was} is no number of replicas")))
}

#[async_trait]
impl Driver for Kubernetes {
    fn what(&self) -> String {
        let kind = if self.deployment.is_some() { "deployment" } else { "stateful set" };
        format!("{kind} {} in namespace {}", self.name(), self.namespace)
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        self.standing(host).await.err().into_iter().collect()
    }
}

#[async_trait]
impl Service for Kubernetes {
    async fn standing(&self, host: &Host) -> Outcome<Standing> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let looking = async {
            let client = self.client(host).await?;
            let scaled = self.scale(&client).await?;
            let (pods, _) = self.pods(&client, &scaled.selector).await?;
            let none = scaled.wished == 0 && scaled.there == 0 && pods == 0;
            // Pods that are still ending run, and the wish is none already.
            Ok(if none { Standing::Stopped } else { Standing::Runs { was: scaled.wished.max(1).into() } })
        };
        deadline.within("the cluster", looking).await
    }

    async fn stop(&self, host: &Host) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let stopping = async { self.bring(&self.client(host).await?, 0, deadline).await };
        deadline.within("the cluster", stopping).await
    }

    async fn start(&self, host: &Host, was: &Value) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let starting = async {
            let client = self.client(host).await?;
            let replicas = replicas(was, self.scale(&client).await?.wished)?;
            self.bring(&client, replicas, deadline).await
        };
        deadline.within("the cluster", starting).await
    }
}

#[cfg(test)]
mod tests;
