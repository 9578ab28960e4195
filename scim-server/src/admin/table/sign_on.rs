//! Claimed domains and single sign-on.

use super::{ADMIN, EMAIL, MEMBER};
use crate::admin::domains::{self, DomainView, NewDomain};
use crate::admin::endpoint::Access::SignedIn;
use crate::admin::endpoint::Endpoint;
use crate::admin::sso::{self, SsoChange, SsoView};
use crate::admin::sso_effective::{self, EffectiveSsoView, SsoRouteView};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
        e(
            ("GET", "/organizations/{org}/domains"),
            ("listDomains", "List claimed domains"),
            ADMIN,
            domains::list,
        )
        .lists::<DomainView>(),
        e(
            ("POST", "/organizations/{org}/domains"),
            ("claimDomain", "Claim a domain"),
            ADMIN,
            domains::claim,
        )
        .takes::<NewDomain>()
        .gives::<DomainView>()
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/domains/{domain}"),
            ("getDomain", "Read a claimed domain"),
            ADMIN,
            domains::get,
        )
        .gives::<DomainView>(),
        e(
            ("POST", "/organizations/{org}/domains/{domain}:verify"),
            ("verifyDomain", "Look for the TXT record now"),
            ADMIN,
            domains::verify,
        )
        .gives::<DomainView>()
        .moves()
        .before(domains::ask),
        e(
            ("POST", "/organizations/{org}/domains/{domain}:transfer"),
            ("transferDomain", "Move the claim of a linked organization to its Admin Organization"),
            ADMIN,
            domains::transfer,
        )
        .gives::<DomainView>()
        .moves()
        .fresh(),
        e(
            ("DELETE", "/organizations/{org}/domains/{domain}"),
            ("withdrawDomain", "Give up a claim"),
            ADMIN,
            domains::withdraw,
        )
        .moves()
        .fresh(),
        e(
            ("GET", "/organizations/{org}/sso"),
            ("getSso", "Read the organization's own single sign-on settings"),
            ADMIN,
            sso::get,
        )
        .gives::<SsoView>(),
        e(
            ("PUT", "/organizations/{org}/sso"),
            ("setSso", "Store single sign-on settings"),
            ADMIN,
            sso::put,
        )
        .takes::<SsoChange>()
        .gives::<SsoView>()
        .moves()
        .fresh(),
        e(
            ("DELETE", "/organizations/{org}/sso"),
            ("removeSso", "Remove disabled single sign-on settings for good"),
            ADMIN,
            sso::delete,
        )
        .fresh(),
        e(
            ("GET", "/organizations/{org}/sso/effective"),
            ("getEffectiveSso", "Read the settings that count for the organization"),
            MEMBER,
            sso_effective::get,
        )
        .gives::<EffectiveSsoView>(),
        e(
            ("GET", "/sso/resolve"),
            ("resolveSso", "How somebody with an address signs in"),
            SignedIn,
            sso_effective::resolve,
        )
        .gives::<SsoRouteView>()
        .filters(EMAIL),
    ]
}
