// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A KServe v2 server whose answers a test decides on.

use super::service::grpc_inference_service_server::{
    GrpcInferenceService, GrpcInferenceServiceServer,
};
use gstdptdepth::inference::remote::proto::model_infer_response::InferOutputTensor;
use gstdptdepth::inference::remote::proto::model_metadata_response::TensorMetadata;
use gstdptdepth::inference::remote::proto::repository_index_response::ModelIndex;
use gstdptdepth::inference::remote::proto::*;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

pub(crate) type Infer =
    Arc<dyn Fn(ModelInferRequest) -> Result<ModelInferResponse, Status> + Send + Sync>;

/// What the server says and does; may be changed while it runs.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) metadata: ModelMetadataResponse,
    /// None: a server without Triton's extension.
    pub(crate) config: Option<ModelConfig>,
    pub(crate) ready: bool,
    pub(crate) token: Option<String>,
    /// Before each inference.
    pub(crate) stall: Duration,
    /// No call gets an answer any more.
    pub(crate) frozen: bool,
    pub(crate) infer: Infer,
}

impl Script {
    /// `depth`: float [N, 3, H, W] to [N, H, W], the red channel.
    pub(crate) fn red() -> Self {
        Self {
            metadata: ModelMetadataResponse {
                name: "depth".into(),
                versions: vec!["1".into()],
                platform: "test".into(),
                inputs: vec![tensor("image", "FP32", &[-1, 3, -1, -1])],
                outputs: vec![tensor("depth", "FP32", &[-1, -1, -1])],
            },
            config: Some(ModelConfig {
                name: "depth".into(),
                max_batch_size: 8,
                ..Default::default()
            }),
            ready: true,
            token: None,
            stall: Duration::ZERO,
            frozen: false,
            infer: Arc::new(|request| Ok(red(&request))),
        }
    }

    /// The same with another answer.
    pub(crate) fn answering(
        infer: impl Fn(ModelInferRequest) -> Result<ModelInferResponse, Status> + Send + Sync + 'static,
    ) -> Self {
        Self {
            infer: Arc::new(infer),
            ..Self::red()
        }
    }
}

pub(crate) fn tensor(name: &str, datatype: &str, shape: &[i64]) -> TensorMetadata {
    TensorMetadata {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.into(),
    }
}

/// The right answer of [`Script::red`].
pub(crate) fn red(request: &ModelInferRequest) -> ModelInferResponse {
    let input = &request.inputs[0];
    let &[n, 3, h, w] = input.shape.as_slice() else {
        panic!("the client has sent {:?}", input.shape);
    };
    let plane = (h * w * 4) as usize;
    let raw: Vec<u8> = request.raw_input_contents[0]
        .chunks(3 * plane)
        .flat_map(|picture| &picture[..plane])
        .copied()
        .collect();
    reply("FP32", &[n, h, w], raw)
}

pub(crate) fn reply(datatype: &str, shape: &[i64], raw: Vec<u8>) -> ModelInferResponse {
    ModelInferResponse {
        model_name: "depth".into(),
        outputs: vec![InferOutputTensor {
            name: "depth".into(),
            datatype: datatype.into(),
            shape: shape.into(),
            contents: None,
        }],
        raw_output_contents: vec![raw.into()],
        ..Default::default()
    }
}

/// Runs until it is dropped, which breaks its connections as a crash would.
pub(crate) struct Fixture {
    pub(crate) port: u16,
    pub(crate) script: Arc<Mutex<Script>>,
    /// How many requests for inference have come.
    pub(crate) arrived: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

impl Fixture {
    pub(crate) fn start(script: Script) -> Self {
        Self::at(0, script, None)
    }

    /// On a port of choice; 0 for any.
    pub(crate) fn at(port: u16, script: Script, identity: Option<Identity>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let script = Arc::new(Mutex::new(script));
        let arrived = Arc::<AtomicUsize>::default();
        let answers = Answers(script.clone(), arrived.clone());
        let service = GrpcInferenceServiceServer::new(answers)
            .max_decoding_message_size(1 << 30)
            .max_encoding_message_size(1 << 30);
        let mut server = tonic::transport::Server::builder();
        if let Some(identity) = identity {
            let tls = ServerTlsConfig::new().identity(identity);
            server = server.tls_config(tls).unwrap();
        }
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let bind = || runtime.block_on(tokio::net::TcpListener::bind(address));
        let mut listener = bind();
        while port != 0 && listener.is_err() {
            // The one before it is still going.
            std::thread::sleep(Duration::from_millis(10));
            listener = bind();
        }
        let listener = listener.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = server.add_service(service);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        runtime.spawn(serving.serve_with_incoming(incoming));
        Self {
            port,
            script,
            arrived,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("grpc://127.0.0.1:{}", self.port)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Stops and says where it was.
    pub(crate) fn kill(self) -> u16 {
        self.port
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

struct Answers(Arc<Mutex<Script>>, Arc<AtomicUsize>);

impl Answers {
    /// The script, for whoever may see it.
    async fn script<M>(&self, request: &Request<M>) -> Result<Script, Status> {
        let script = self.0.lock().unwrap().clone();
        if script.frozen {
            std::future::pending::<()>().await;
        }
        let given = request.metadata().get("authorization");
        let given = given.map(|value| value.to_str().unwrap());
        let wanted = script.token.as_ref().map(|token| format!("Bearer {token}"));
        match (given, wanted) {
            (given, Some(wanted)) if given != Some(&wanted) => Err(Status::new(
                Code::Unauthenticated,
                if given.is_some() {
                    "the token is not valid"
                } else {
                    "there is no token"
                },
            )),
            _ => Ok(script),
        }
    }

    async fn known<M>(&self, request: &Request<M>, name: &str) -> Result<Script, Status> {
        let script = self.script(request).await?;
        if name != script.metadata.name {
            return Err(Status::not_found(format!("unknown model {name}")));
        }
        Ok(script)
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Answers {
    async fn server_ready(
        &self,
        request: Request<ServerReadyRequest>,
    ) -> Result<Response<ServerReadyResponse>, Status> {
        let ready = self.script(&request).await?.ready;
        Ok(Response::new(ServerReadyResponse { ready }))
    }

    async fn model_ready(
        &self,
        request: Request<ModelReadyRequest>,
    ) -> Result<Response<ModelReadyResponse>, Status> {
        let ready = self.known(&request, &request.get_ref().name).await?.ready;
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let script = self.known(&request, &request.get_ref().name).await?;
        Ok(Response::new(script.metadata))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Result<Response<ModelConfigResponse>, Status> {
        let script = self.known(&request, &request.get_ref().name).await?;
        let config = script
            .config
            .ok_or_else(|| Status::unimplemented("plain KServe"))?;
        let config = Some(config);
        Ok(Response::new(ModelConfigResponse { config }))
    }

    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        let script = self.known(&request, &request.get_ref().model_name).await?;
        self.1.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(script.stall).await;
        (script.infer)(request.into_inner()).map(Response::new)
    }

    async fn model_statistics(
        &self,
        _: Request<ModelStatisticsRequest>,
    ) -> Result<Response<ModelStatisticsResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Result<Response<RepositoryIndexResponse>, Status> {
        let name = self.script(&request).await?.metadata.name;
        let model = ModelIndex {
            name,
            version: "1".into(),
            state: "READY".into(),
            ..Default::default()
        };
        Ok(Response::new(RepositoryIndexResponse {
            models: vec![model],
        }))
    }
}
