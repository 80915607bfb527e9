//! AWS errors, and their form on the wire for each service.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::cbor;
use super::xml::Xml;

/// An error that AWS answers a call with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code that programs match on.
    pub code: Cow<'static, str>,
    /// The message for people.
    pub message: String,
}

/// The form of a service's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorForm {
    /// `<Response><Errors><Error>…`
    Ec2,
    /// `<ErrorResponse><Error>…`, in this XML namespace.
    Query(&'static str),
    /// JSON 1.1: `{"__type": …, "message": …}`
    Json,
    /// REST-JSON (Lambda, EKS): the code in a header, `{"Type": …, "Message": …}`
    RestJson,
    /// REST-XML (S3): `<Error><Code>…`
    RestXml,
    /// Smithy RPC v2 CBOR (CloudWatch): what JSON 1.1 has, in CBOR; and the code of the query protocol,
    /// which its clients spoke before, in a header (Smithy, "AWS query compatible").
    Cbor,
}

impl ApiError {
    /// An error with HTTP status 400, the most common one.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    /// An error with another HTTP status.
    pub fn with_status(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// The service has no such action.
    #[must_use]
    pub fn invalid_action(action: &str) -> Self {
        Self::new(
            "InvalidAction",
            format!("The action {action} is not valid for this web service."),
        )
    }

    /// The service failed.
    #[must_use]
    pub fn internal() -> Self {
        Self::with_status(500, "InternalError", "An internal error has occurred")
    }

    /// The answer, in a service's form.
    #[must_use]
    pub fn render(&self, form: ErrorForm, request_id: &str) -> Response<Bytes> {
        let sender = if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let fault = json!({"__type": self.code, "message": self.message});
        let (body, content_type) = match form {
            ErrorForm::Ec2 => (self.ec2_form(request_id).into(), "text/xml;charset=UTF-8"),
            ErrorForm::Query(namespace) => (
                self.query_form(namespace, sender, request_id).into(),
                "text/xml",
            ),
            ErrorForm::RestXml => (self.rest_xml_form(request_id).into(), "application/xml"),
            ErrorForm::Json => (fault.to_string().into(), "application/x-amz-json-1.1"),
            ErrorForm::Cbor => (cbor::write(&fault, &[]), cbor::CONTENT_TYPE),
            ErrorForm::RestJson => (
                json!({
                    "Type": if self.status < 500 { "User" } else { "Service" },
                    "Message": self.message,
                    "message": self.message,
                })
                .to_string()
                .into(),
                "application/json",
            ),
        };
        let mut response = respond(self.status, content_type, request_id, body);
        let code = match form {
            ErrorForm::Json | ErrorForm::RestJson => {
                Some(("x-amzn-errortype", self.code.to_string()))
            }
            ErrorForm::Cbor => Some(("x-amzn-query-error", format!("{};{sender}", self.code))),
            _ => None,
        };
        if let Some((name, code)) = code
            && let Ok(code) = HeaderValue::from_str(&code)
        {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), code);
        }
        response
    }

    fn rest_xml_form(&self, request_id: &str) -> String {
        let mut xml = Xml::document();
        xml.element("Error", |xml| {
            xml.text("Code", &self.code);
            xml.text("Message", &self.message);
            xml.text("RequestId", request_id);
        });
        xml.into_string()
    }

    fn ec2_form(&self, request_id: &str) -> String {
        let mut xml = Xml::document();
        xml.element("Response", |xml| {
            xml.element("Errors", |xml| {
                xml.element("Error", |xml| {
                    xml.text("Code", &self.code);
                    xml.text("Message", &self.message);
                });
            });
            xml.text("RequestID", request_id);
        });
        xml.into_string()
    }

    fn query_form(&self, namespace: &str, sender: &str, request_id: &str) -> String {
        let mut xml = Xml::document();
        xml.element_in("ErrorResponse", namespace, |xml| {
            xml.element("Error", |xml| {
                xml.text("Type", sender);
                xml.text("Code", &self.code);
                xml.text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        xml.into_string()
    }
}

/// An answer with the headers that every AWS answer has.
#[must_use]
pub fn respond(
    status: u16,
    content_type: &'static str,
    request_id: &str,
    body: Bytes,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    if content_type == cbor::CONTENT_TYPE {
        headers.insert(cbor::PROTOCOL.0, HeaderValue::from_static(cbor::PROTOCOL.1));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}
