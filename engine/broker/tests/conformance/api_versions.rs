//! ApiVersions: what a client asks first, before it knows what it may ask.

use bytes::Bytes;
use kafka_protocol::{
    messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse},
    protocol::{Decodable, StrBytes},
};

use crate::{client::Client, world::World};

const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_REQUEST: i16 = 42;
const KEY: i16 = ApiKey::ApiVersions as i16;

/// A question as a client of that name asks it.
pub(crate) fn question(name: &'static str) -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str(name))
        .with_client_software_version(StrBytes::from_static_str("1.0"))
}

/// Lowest and highest version of what a broker offers.
pub(crate) fn range(client: &mut Client, api: i16) -> Option<(i16, i16)> {
    let answer = client.call(4, &question("conformance"));
    let found = answer.api_keys.iter().find(|one| one.api_key == api);
    found.map(|one| (one.min_version, one.max_version))
}

/// An answer in version 0, whatever the question's version was.
fn answer_in_version_0(client: &mut Client) -> ApiVersionsResponse {
    let mut bytes: Bytes = client.receive_body(0);
    let answer = ApiVersionsResponse::decode(&mut bytes, 0).unwrap();
    assert!(bytes.is_empty());
    answer
}

#[test]
fn every_version_answers_with_its_own_range() {
    let world = World::start();

    for version in 0..=4 {
        let answer = world.connect().call(version, &question("conformance"));

        assert_eq!(answer.error_code, 0, "version {version}");
        let own = answer.api_keys.iter().find(|one| one.api_key == KEY);
        let own = own.expect("the question itself is offered");
        assert_eq!((own.min_version, own.max_version), (0, 4));
    }
}

#[test]
fn a_version_that_is_too_new_is_answered_in_version_0_and_the_connection_stays() {
    let world = World::start();
    let client = &mut world.connect();

    client.send_body(KEY, 99, 2, b"whatever a later version has");
    let answer = answer_in_version_0(client);

    assert_eq!(answer.error_code, UNSUPPORTED_VERSION);
    let own = answer.api_keys.iter().find(|one| one.api_key == KEY);
    assert_eq!(
        own.map(|one| (one.min_version, one.max_version)),
        Some((0, 4))
    );
    assert_eq!(client.call(4, &question("conformance")).error_code, 0);
}

#[test]
fn a_client_without_a_proper_name_is_told_so() {
    let world = World::start();

    for name in ["", "two words", "-dash"] {
        let answer = world.connect().call(3, &question(name));

        assert_eq!(answer.error_code, INVALID_REQUEST, "{name:?}");
    }
}

#[test]
fn a_request_that_is_not_offered_ends_the_connection() {
    let world = World::start();

    for (api, version) in [
        (ApiKey::Produce as i16, 99),
        (ApiKey::Vote as i16, 0),
        (999, 0),
    ] {
        let client = &mut world.connect();
        client.send_body(api, version, 1, &[0; 16]);

        client.expect_close();
    }
}

#[test]
fn produce_is_said_to_be_offered_from_version_0_and_is_not() {
    let world = World::start();
    let client = &mut world.connect();

    assert_eq!(
        range(client, ApiKey::Produce as i16).map(|it| it.0),
        Some(0)
    );
    client.send_body(ApiKey::Produce as i16, 2, 1, &[0; 16]);

    client.expect_close();
}
