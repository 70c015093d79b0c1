//! The OpenAPI 3.1 document and the table of roles, both made from the table of routes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use api::{ErrorBody, ExtractReport};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required, Response as Answer, ResponseBuilder,
    Schema,
};

use super::guard::COOKIE_NAME;
use super::route::{Kind, Method, Needs, Of, Route, Shape};
use super::routes;
use crate::people::role_name;

const JSON: &str = "application/json";

pub(super) async fn show() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(openapi);
    ([(axum::http::header::CONTENT_TYPE, JSON)], document.as_str()).into_response()
}

/// As it is served, and committed as docs/openapi.json.
pub fn openapi() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn document() -> OpenApi {
    let (mut paths, mut schemas) = (PathsBuilder::new(), BTreeMap::new());
    for shape in [Shape::of::<ErrorBody>(), Shape::of::<ExtractReport>()] {
        collect(&mut schemas, &shape);
    }
    for route in routes::table() {
        route.body.iter().chain(&route.answer).for_each(|shape| collect(&mut schemas, shape));
        paths = paths.path(route.full_path(), PathItem::new(http_method(route.method), operation(&route)));
    }
    let info = InfoBuilder::new()
        .title("Rekindle")
        .version("1")
        .description(Some("The API of a database recovery control plane. Times are RFC 3339 in UTC, sizes are bytes."));
    let components = ComponentsBuilder::new().schemas_from_iter(schemas);
    let components = components
        .security_scheme("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE_NAME))));
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components.build())).build()
}

fn collect(schemas: &mut BTreeMap<String, RefOr<Schema>>, shape: &Shape) {
    let mut parts = vec![((shape.name)(), (shape.schema)())];
    (shape.parts)(&mut parts);
    schemas.extend(parts);
}

fn operation(route: &Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .description(Some(needs(route.needs)))
        .operation_id(Some(operation_id(route)))
        .tag(tag(route))
        .response("200", answer("done", route.answer.as_ref(), route.media))
        .response("default", answer("what went wrong", Some(&Shape::of::<ErrorBody>()), JSON));
    for parameter in path_names(route).chain(route.words.iter().map(word)) {
        operation = operation.parameter(parameter);
    }
    if let Some(body) = &route.body {
        let body = RequestBodyBuilder::new().content(JSON, Content::new(Some(reference(body))));
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    match route.needs {
        Needs::Nothing => operation.securities(Some(Vec::<SecurityRequirement>::new())),
        _ => operation
            .security(SecurityRequirement::new("token", Vec::<String>::new()))
            .security(SecurityRequirement::new("session", Vec::<String>::new())),
    }
}

fn answer(what: &str, shape: Option<&Shape>, media: &str) -> Answer {
    let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).into();
    let schema = if media == JSON { shape.map_or_else(nothing, reference) } else { text() };
    ResponseBuilder::new().description(what).content(media, Content::new(Some(schema))).build()
}

fn nothing() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
}

fn reference(shape: &Shape) -> RefOr<Schema> {
    let one = Ref::from_schema_name((shape.name)());
    match shape.is_list {
        true => ArrayBuilder::new().items(one).into(),
        false => RefOr::Ref(one),
    }
}

fn path_names(route: &Route) -> impl Iterator<Item = Parameter> + use<'_> {
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| parameter(name, ParameterIn::Path, Required::True, &Type::String).build())
}

fn word((name, kind, what): &(&'static str, Kind, &'static str)) -> Parameter {
    let kind = match kind {
        Kind::Text => Type::String,
        Kind::Number => Type::Integer,
        Kind::Flag => Type::Boolean,
    };
    parameter(name, ParameterIn::Query, Required::False, &kind).description(Some(*what)).build()
}

fn parameter(name: &str, place: ParameterIn, required: Required, kind: &Type) -> ParameterBuilder {
    let mut schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind.clone()));
    if *kind == Type::Integer {
        schema = schema.minimum(Some(0));
    }
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(schema))
}

fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Delete => HttpMethod::Delete,
    }
}

/// `get_sources_name_timeline`
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '.']).filter(|part| !part.is_empty());
    let words = words.map(|part| part.trim_matches(['{', '}']));
    std::iter::once(route.method.name().to_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn tag(route: &Route) -> &'static str {
    route.path.split('/').nth(1).unwrap_or_default()
}

fn needs(needs: Needs) -> String {
    match needs {
        Needs::Nothing => "Open to everybody.".to_owned(),
        Needs::SignedIn => "For everybody who is signed in.".to_owned(),
        Needs::Role(role, of) => format!("Needs: {} {}.", role_name(role), of_words(of)),
    }
}

fn of_words(of: Of) -> &'static str {
    match of {
        Of::Everything => "for everything",
        Of::Something => "for something; shows what may be seen",
        Of::Source => "for the source's stack",
        Of::Stack => "for the stack",
        Of::Instance => "for the stack of the instance's source",
        Of::Operation => "for the stack of the operation's source",
    }
}

/// For docs/people.md.
pub fn roles_table() -> String {
    let mut text = String::from("| request | role | of |\n|---|---|---|\n");
    for route in routes::table() {
        let (role, of) = match route.needs {
            Needs::Nothing => ("–", "open to everybody"),
            Needs::SignedIn => ("any", "whoever is signed in"),
            Needs::Role(role, of) => (role_name(role), of_words(of)),
        };
        text.push_str(&format!("| `{}` | {role} | {of} |\n", route.action()));
    }
    text
}
