//! The OpenAPI document, out of the table of endpoints.

use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, Array, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, Ref, RefOr, Required, Schema, ServerBuilder,
};

use super::effects::Effects;
use super::endpoint::{Access, Endpoint, Fresh, Output, Shape};
use super::plan;
use super::problem::Problem;
use super::reply::DryRun;
use super::table::TABLE;

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    let mut collect = |shape: Shape| {
        schemas.push(((shape.name)().into_owned(), (shape.schema)()));
        (shape.parts)(&mut schemas);
    };
    collect(Shape::of::<Problem>());
    collect(Shape::of::<Effects>());
    collect(Shape::of::<DryRun>());
    for endpoint in TABLE.iter() {
        if let Some(shape) = endpoint.input {
            collect(shape);
        }
        if let Output::One(shape) | Output::Page(shape) = endpoint.output {
            collect(shape);
        }
        paths = paths.path(endpoint.path, PathItem::new(method(endpoint), operation(endpoint)));
    }
    schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    schemas.dedup_by(|(a, _), (b, _)| a == b);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", bearer)
        .build();
    let info = InfoBuilder::new()
        .title("scim-server: administration")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Organizations that share single sign-on. Sign in with the operator's token, a session or a \
             personal token. Errors are problem documents (RFC 9457) with a stable code. A POST with an \
             Idempotency-Key may be sent again; a GET gives an ETag that If-Match takes.",
        ))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/api/v1").build()]))
        .paths(paths.build())
        .components(Some(components))
        .build()
}

fn method(endpoint: &Endpoint) -> HttpMethod {
    match endpoint.method {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        _ => HttpMethod::Delete,
    }
}

fn reference(shape: Shape) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name((shape.name)()))
}

fn json(schema: RefOr<Schema>) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn text_parameter(name: &str, place: ParameterIn, about: &str) -> Parameter {
    let required =
        if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description((!about.is_empty()).then_some(about))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}

fn parameters(endpoint: &Endpoint) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = endpoint
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|name| text_parameter(name, ParameterIn::Path, ""))
        .collect();
    let mut query = |name: &str, about: &str| {
        all.push(text_parameter(name, ParameterIn::Query, about));
    };
    for (name, about) in endpoint.filters {
        query(name, about);
    }
    if matches!(endpoint.output, Output::Page(_)) && endpoint.method == "GET" {
        query("cursor", "Where to go on: the next_cursor of the page before");
        query("limit", "Entries of a page, 1 to 200; 50 by default");
    }
    if endpoint.moves {
        query("dry_run", "`true` tells the effects and undoes everything");
    }
    if plan::has(endpoint) {
        query("plan", "The `plan` of a dry run: if it would do something else by now, 412");
    }
    let mut header = |name: &str, about: &str| {
        all.push(text_parameter(name, ParameterIn::Header, about));
    };
    if endpoint.method == "POST" {
        header("Idempotency-Key", "The same key and request get the same answer, for a day");
    }
    if matches!(endpoint.method, "PUT" | "PATCH" | "DELETE") {
        header("If-Match", "The ETag that was read; another state is 412");
    }
    all
}

fn operation(endpoint: &Endpoint) -> utoipa::openapi::path::Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.name))
        .summary(Some(endpoint.summary))
        .description(Some(access(endpoint)))
        .parameters(Some(parameters(endpoint)))
        .responses(responses(endpoint));
    if let Some(shape) = endpoint.input {
        let body = RequestBodyBuilder::new()
            .content("application/json", json(reference(shape)))
            .required(Some(Required::True))
            .build();
        operation = operation.request_body(Some(body));
    }
    if endpoint.access != Access::Public {
        operation = operation.security(SecurityRequirement::new("bearer", Vec::<String>::new()));
    }
    operation.build()
}

fn access(endpoint: &Endpoint) -> String {
    let mut text = match endpoint.access {
        Access::Public => "For everybody.".to_owned(),
        Access::SignedIn => "For whoever is signed in.".to_owned(),
        Access::Operator => "For the operator.".to_owned(),
        Access::Organization(role) => {
            format!(
                "For the operator, and members of the organization with the role {role} or higher."
            )
        }
    };
    text.push_str(match endpoint.fresh {
        Fresh::No => "",
        Fresh::Always => " A session must be of the last ten minutes.",
        Fresh::OverAdministrators => {
            " To make somebody an owner or admin, or to change or remove one, a session must be of the \
             last ten minutes."
        }
    });
    text
}

fn page(shape: Shape) -> RefOr<Schema> {
    let cursor =
        ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let page = ObjectBuilder::new()
        .property("items", Array::new(reference(shape)))
        .required("items")
        .property("next_cursor", cursor.build())
        .required("next_cursor");
    RefOr::T(Schema::Object(page.build()))
}

fn responses(endpoint: &Endpoint) -> utoipa::openapi::response::Responses {
    let effects = reference(Shape::of::<Effects>());
    let (status, body) = match endpoint.output {
        Output::None if endpoint.moves => {
            let object = ObjectBuilder::new().property("effects", effects).required("effects");
            ("200", Some(RefOr::T(Schema::Object(object.build()))))
        }
        Output::None => ("204", None),
        Output::One(shape) => {
            let created = endpoint.method == "POST" && endpoint.name_makes();
            (if created { "201" } else { "200" }, Some(with_effects(endpoint, reference(shape))))
        }
        Output::Page(shape) => ("200", Some(with_effects(endpoint, page(shape)))),
    };
    let dry_run = endpoint.moves.then(|| reference(Shape::of::<DryRun>()));
    let response = |about: &str, body: Option<RefOr<Schema>>| {
        let response = ResponseBuilder::new().description(about);
        match body {
            Some(body) => response.content("application/json", json(body)).build(),
            None => response.build(),
        }
    };
    let mut all = ResponsesBuilder::new();
    all = match (dry_run, body) {
        (None, body) => all.response(status, response("Done", body)),
        (Some(dry_run), Some(body)) if status == "200" => {
            let either = AnyOfBuilder::new().item(body).item(dry_run).build();
            let about = "Done; with `dry_run`, what would be";
            all.response(status, response(about, Some(RefOr::T(Schema::AnyOf(either)))))
        }
        (Some(dry_run), body) => all
            .response("200", response("With `dry_run`: what would be", Some(dry_run)))
            .response(status, response("Done", body)),
    };
    let problem = ResponseBuilder::new()
        .description("What is wrong, with a stable code")
        .content("application/problem+json", json(reference(Shape::of::<Problem>())));
    all.response("default", problem.build()).build()
}

/// What moves people tells whom, beside what it gives.
fn with_effects(endpoint: &Endpoint, schema: RefOr<Schema>) -> RefOr<Schema> {
    if !endpoint.moves {
        return schema;
    }
    let effects = ObjectBuilder::new()
        .property("effects", reference(Shape::of::<Effects>()))
        .required("effects");
    let both = AllOfBuilder::new().item(schema).item(effects.build());
    RefOr::T(Schema::AllOf(both.build()))
}
