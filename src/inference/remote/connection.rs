// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One server that is connected and serves the right model.

use super::channel::{self, Access};
use super::contract::RemoteModel;
use super::data::{Elements, Tensor, decode, encode};
use super::error::RemoteError;
use super::options::{ModelName, Server};
use super::proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use super::proto::{
    ModelConfigRequest, ModelConfigResponse, ModelInferRequest, ModelMetadataRequest,
    ModelReadyRequest, RepositoryIndexRequest, ServerReadyRequest,
};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tonic::{Code, Response, Status};

/// So many models are named in a message.
const LISTED_MODELS: usize = 12;
/// So close to a deadline, a cancelled call has run into it.
const CLOSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) server: Server,
    pub(super) model: Arc<RemoteModel>,
    service: channel::Client,
    access: Arc<Access>,
    /// Set by whoever first notices.
    pub(super) lost: AtomicBool,
    /// Requests that ran into their deadline since the last answer.
    pub(super) late: AtomicU32,
    /// Whether a request has been answered.
    pub(super) answered: AtomicBool,
}

impl Connection {
    /// Connects to a server and reads what it serves, all within `patience`.
    pub(super) async fn open(
        number: u64,
        access: &Arc<Access>,
        server: &Server,
        name: &ModelName,
        patience: Duration,
    ) -> Result<Self, RemoteError> {
        let opened = timeout(patience, async {
            let service = access.connect(server).await?;
            let mut caller = Caller {
                service: service.clone(),
                access,
                server,
                patience,
            };
            let model = caller.describe(name).await?;
            Ok((service, model))
        });
        let (service, model) = opened.await.unwrap_or_else(|_| {
            Err(RemoteError::Unreachable {
                server: server.to_string(),
                cause: format!("it did not answer within {patience:?}"),
            })
        })?;
        Ok(Self {
            number,
            server: server.clone(),
            model: Arc::new(model),
            service,
            access: access.clone(),
            lost: AtomicBool::new(false),
            late: AtomicU32::new(0),
            answered: AtomicBool::new(false),
        })
    }

    /// Whether the model can take requests.
    pub(super) async fn check_health(&self, patience: Duration) -> Result<(), RemoteError> {
        let mut caller = Caller {
            service: self.service.clone(),
            access: &self.access,
            server: &self.server,
            patience,
        };
        let checked = timeout(patience, caller.model_ready(&self.model.name));
        match checked.await {
            Err(_) => Err(RemoteError::Unreachable {
                server: self.server.to_string(),
                cause: format!("it does not answer within {patience:?} whether it is ready"),
            }),
            Ok(Err(error)) => Err(error),
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(RemoteError::NotReady {
                server: self.server.to_string(),
                cause: format!(
                    "it is there, but the model {} is not ready",
                    self.model.name
                ),
            }),
        }
    }

    /// One attempt to have a tensor inferred, within `patience`.
    pub(super) async fn infer(
        &self,
        dims: &[usize],
        elements: &Arc<Elements>,
        outputs: &mut Vec<Tensor>,
        patience: Duration,
    ) -> Result<(), RemoteError> {
        let model = &self.model;
        model.takes(dims, elements)?;
        let shape = |&dim: &usize| i64::try_from(dim).unwrap_or(i64::MAX);
        let message = ModelInferRequest {
            model_name: model.name.name.clone(),
            model_version: model.name.version.clone(),
            inputs: vec![InferInputTensor {
                name: model.input.name.clone(),
                datatype: model.input_wire.name().into(),
                shape: dims.iter().map(shape).collect(),
                contents: None,
            }],
            outputs: model
                .outputs
                .iter()
                .map(|output| InferRequestedOutputTensor {
                    name: output.name.clone(),
                })
                .collect(),
            raw_input_contents: vec![encode(elements, model.input_wire)],
            ..Default::default()
        };
        let request = self.access.request(message, patience);
        let mut service = self
            .service
            .clone()
            .max_decoding_message_size(model.largest_reply(dims));
        let start = Instant::now();
        let answer = timeout(patience, service.model_infer(request)).await;
        let reply = match answer {
            Ok(Ok(reply)) => reply.into_inner(),
            // A server that heeds the deadline may give up just before we do.
            Ok(Err(status))
                if status.code() != Code::Cancelled || start.elapsed() + CLOSE < patience =>
            {
                let with_token = self.access.has_token();
                return Err(channel::called(&self.server, with_token, patience, &status));
            }
            Ok(Err(_)) | Err(_) => {
                return Err(RemoteError::Deadline {
                    server: self.server.to_string(),
                    after: patience,
                });
            }
        };
        self.late.store(0, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
        let batch = dims.first().copied().unwrap_or_default();
        decode(&reply, model, batch, outputs).map_err(|cause| RemoteError::Reply {
            server: self.server.to_string(),
            cause,
        })
    }
}

/// The small calls.
struct Caller<'a> {
    service: channel::Client,
    access: &'a Access,
    server: &'a Server,
    patience: Duration,
}

impl Caller<'_> {
    fn failed(&self, status: &Status) -> RemoteError {
        if channel::is_nonsense(status) {
            return RemoteError::Protocol {
                server: self.server.to_string(),
                cause: channel::shortened(status.message()),
            };
        }
        channel::called(self.server, self.access.has_token(), self.patience, status)
    }

    /// What the server says of the model, checked.
    async fn describe(&mut self, name: &ModelName) -> Result<RemoteModel, RemoteError> {
        let request = ModelMetadataRequest {
            name: name.name.clone(),
            version: name.version.clone(),
        };
        let request = self.access.request(request, self.patience);
        let metadata = match self.service.model_metadata(request).await {
            Ok(metadata) => metadata.into_inner(),
            Err(status) if is_unknown_model(&status) => {
                return Err(self.missing(name, &status).await);
            }
            Err(status) => return Err(self.failed(&status)),
        };
        if !self.model_ready(name).await? {
            return Err(RemoteError::NotReady {
                server: self.server.to_string(),
                cause: format!("the model {name} is loading or stopping"),
            });
        }
        let request = ModelConfigRequest {
            name: name.name.clone(),
            version: name.version.clone(),
        };
        let request = self.access.request(request, self.patience);
        let config = match self
            .service
            .model_config(request)
            .await
            .map(Response::into_inner)
        {
            Ok(ModelConfigResponse { config }) => config,
            // Triton's extension of KServe.
            Err(status) if status.code() == Code::Unimplemented => None,
            Err(status) => return Err(self.failed(&status)),
        };
        RemoteModel::check(
            self.server.to_string(),
            name.clone(),
            &metadata,
            config.as_ref(),
        )
    }

    async fn model_ready(&mut self, name: &ModelName) -> Result<bool, RemoteError> {
        let request = ModelReadyRequest {
            name: name.name.clone(),
            version: name.version.clone(),
        };
        let request = self.access.request(request, self.patience);
        match self.service.model_ready(request).await {
            Ok(answer) => Ok(answer.into_inner().ready),
            Err(status) if is_unknown_model(&status) => Ok(false),
            Err(status) => Err(self.failed(&status)),
        }
    }

    /// Why a server does not know a model: it is still loading models, could not load this one, or
    /// never had it.
    async fn missing(&mut self, name: &ModelName, status: &Status) -> RemoteError {
        let server = self.server.to_string();
        let request = self.access.request(ServerReadyRequest {}, self.patience);
        let ready = self.service.server_ready(request).await;
        let is_ready = !ready.is_ok_and(|answer| !answer.get_ref().ready);
        let request = RepositoryIndexRequest::default();
        let request = self.access.request(request, self.patience);
        let Ok(index) = self.service.repository_index(request).await else {
            return RemoteError::ModelMissing {
                server,
                model: name.to_string(),
                has: channel::shortened(status.message()),
            };
        };
        let models = index.into_inner().models;
        if let Some(own) = models.iter().find(|model| model.name == name.name)
            && own.state != "READY"
        {
            let reason = channel::shortened(&own.reason);
            return RemoteError::NotReady {
                server,
                cause: format!(
                    "its model {name} is {} ({reason})",
                    channel::shortened(&own.state)
                ),
            };
        }
        if models.is_empty() && !is_ready {
            return RemoteError::NotReady {
                server,
                cause: "it is starting or stopping".into(),
            };
        }
        let mut has = String::from("it has ");
        for (index, model) in models.iter().take(LISTED_MODELS).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let version = channel::shortened(&model.version);
            let _ = write!(has, "{comma}{}", channel::shortened(&model.name));
            if !model.version.is_empty() {
                let _ = write!(has, ":{version}");
            }
        }
        match models.len() {
            0 => has.push_str("none"),
            more if more > LISTED_MODELS => has.push_str(" and others"),
            _ => {}
        }
        RemoteError::ModelMissing {
            server,
            model: name.to_string(),
            has,
        }
    }
}

/// Triton says "unavailable" of a model that it does not have.
fn is_unknown_model(status: &Status) -> bool {
    match status.code() {
        Code::NotFound => true,
        Code::Unavailable => status.message().contains("unknown model"),
        _ => false,
    }
}
