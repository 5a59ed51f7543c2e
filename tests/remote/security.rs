// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Certificates and tokens.

use super::server::{Fixture, Script};
use super::{PATIENCE, assert_says, connect, infer, options, picture, refused, until};
use gstdptdepth::inference::remote::{Client, Options, RemoteError, State};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tonic::transport::Identity;

/// Somebody who signs servers, with a file that says so.
pub(super) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let name = format!("authority {}", folder.path().display());
        params.distinguished_name.push(DnType::CommonName, name);
        let own = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), own.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { folder, issuer }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server's certificate for a name or an address, good until the end of a year, and its key.
    pub(super) fn sign_as_pem(&self, name: &str, until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        (signed.pem(), key.serialize_pem())
    }

    fn sign(&self, name: &str, until: i32) -> Identity {
        let (certificate, key) = self.sign_as_pem(name, until);
        Identity::from_pem(certificate, key)
    }

    fn options(&self, server: &Fixture) -> Options {
        Options {
            ca_file: Some(self.file()),
            ..options(&format!("grpcs://127.0.0.1:{}", server.port))
        }
    }
}

fn secure(identity: Identity) -> Fixture {
    Fixture::at(0, Script::red(), Some(identity))
}

#[test]
fn the_authority_of_the_file_is_trusted_and_no_other() {
    let authority = Authority::new();
    let server = secure(authority.sign("127.0.0.1", 2999));
    let (client, _model) = connect(authority.options(&server));
    infer(&client, picture(1, 2, 3)).result.unwrap();
    assert_eq!(client.warning(), None);

    let mut system = authority.options(&server);
    system.ca_file = None;
    let other = Authority::new().options(&server);
    // The folder of `other` is gone by now, so its file cannot be read.
    let gone = Client::start(other).unwrap_err();
    assert!(matches!(gone, RemoteError::CaFile { .. }), "{gone}");
    let stranger = Authority::new();
    for untrusting in [system, stranger.options(&server)] {
        let error = refused(untrusting);
        assert!(
            matches!(error, RemoteError::Certificate { .. }),
            "{error:?}"
        );
        assert_says(
            &error.to_string(),
            &["nobody that is trusted", "server-ca-file"],
        );
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let server = secure(authority.sign("127.0.0.1", 2020));
    let error = refused(authority.options(&server));
    assert!(
        matches!(error, RemoteError::Certificate { .. }),
        "{error:?}"
    );
    assert!(!error.is_transient());
    assert_says(&error.to_string(), &["it has expired", "renew it"]);
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let server = secure(authority.sign("gpu-box.example", 2999));
    let error = refused(authority.options(&server));
    assert!(
        matches!(error, RemoteError::Certificate { .. }),
        "{error:?}"
    );
    assert_says(&error.to_string(), &["another host", "gpu-box.example"]);
}

#[test]
fn both_ends_must_encrypt_or_neither() {
    let authority = Authority::new();
    let open = Fixture::start(Script::red());
    let error = refused(authority.options(&open));
    assert!(matches!(error, RemoteError::Tls { .. }), "{error:?}");
    assert_says(&error.to_string(), &["use grpc://"]);
    let server = secure(authority.sign("127.0.0.1", 2999));
    let error = Client::start(options(&server.url()))
        .unwrap()
        .wait_ready(std::time::Duration::from_secs(1))
        .unwrap_err();
    assert_says(&error.to_string(), &[&server.url()]);
}

#[test]
fn files_without_certificates_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "-----END CERTIFICATE-----\n";
    for content in [
        String::new(),
        "hello".into(),
        format!("{begin}AAAA\n{end}"),
        format!("{begin}%%%%\n{end}"),
        begin.into(),
    ] {
        fs::write(&path, &content).unwrap();
        let error = Client::start(Options {
            ca_file: Some(path.clone()),
            ..options("grpcs://127.0.0.1:1")
        })
        .unwrap_err();
        assert!(
            matches!(error, RemoteError::CaFile { .. }),
            "{content:?}: {error}"
        );
    }
    let authority = Authority::new();
    let error = Client::start(Options {
        ca_file: Some(authority.file()),
        ..options("grpc://127.0.0.1:1")
    })
    .unwrap_err();
    assert_says(&error.to_string(), &["no server in server-url uses TLS"]);
}

#[test]
fn tokens_are_asked_for_sent_and_renewed() {
    let authority = Authority::new();
    let server = secure(authority.sign("127.0.0.1", 2999));
    server.change(|script| script.token = Some("first".into()));
    let error = refused(authority.options(&server));
    assert!(
        matches!(error, RemoteError::Unauthenticated { .. }),
        "{error:?}"
    );
    assert_says(
        &error.to_string(),
        &["there is no token", "with server-token-file"],
    );

    let file = authority.folder.path().join("token");
    let with_token = Options {
        token_file: Some(file.clone()),
        ..authority.options(&server)
    };
    fs::write(&file, "wrong").unwrap();
    let error = refused(with_token.clone());
    assert!(!error.is_transient());
    assert_says(&error.to_string(), &["not valid", "renew the token"]);
    assert!(!error.to_string().contains("wrong"));

    fs::write(&file, "first\n").unwrap();
    let (client, _model) = connect(with_token);
    infer(&client, picture(1, 2, 3)).result.unwrap();
    // First the file, then the server, as issuers do: no request notices.
    server.change(|script| script.token = None);
    fs::write(&file, "second\n").unwrap();
    server.change(|script| script.token = Some("second".into()));
    infer(&client, picture(1, 2, 3)).result.unwrap();
    assert_eq!(client.connections(), 1);

    // The other way round there is an error, until the file has it.
    server.change(|script| script.token = Some("third".into()));
    let error = infer(&client, picture(1, 2, 3)).result.unwrap_err();
    assert!(
        matches!(error, RemoteError::Unauthenticated { .. }),
        "{error:?}"
    );
    fs::write(&file, "third\n").unwrap();
    until(&client, "let in again", |state| {
        matches!(state, State::Connected { .. })
    });
    client.wait_ready(PATIENCE).unwrap();
    infer(&client, picture(1, 2, 3)).result.unwrap();
}

#[test]
fn a_token_is_never_sent_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "secret").unwrap();
    for url in ["grpc://127.0.0.1:1", "grpcs://box;grpc://other"] {
        let error = Client::start(Options {
            token_file: Some(file.clone()),
            ..options(url)
        })
        .unwrap_err();
        assert!(
            matches!(error, RemoteError::TokenInClear { .. }),
            "{error:?}"
        );
        assert_says(&error.to_string(), &["not encrypted", "grpcs://"]);
    }
}
