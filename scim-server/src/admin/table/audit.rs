//! The audit log.

use super::ADMIN;
use crate::admin::audit::{self, AuditEvent, AuditExportView, NewAuditExport};
use crate::admin::endpoint::Endpoint;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
        e(
            ("GET", "/organizations/{org}/audit-events"),
            ("listAuditEvents", "Read the audit log"),
            ADMIN,
            audit::list,
        )
        .lists::<AuditEvent>()
        .filters(&[
            ("name", "Events of that name, like `organization.linked`"),
            ("target", "Events about that id"),
            ("order", "`newest` (the default) or `oldest` first"),
        ]),
        e(
            ("POST", "/organizations/{org}/audit-exports"),
            ("createAuditExport", "Note in the log that it is going to be exported; the entries are read from `audit-events?order=oldest`"),
            ADMIN,
            audit::begin_export,
        )
        .takes::<NewAuditExport>()
        .gives::<AuditExportView>()
        .fresh(),
    ]
}
