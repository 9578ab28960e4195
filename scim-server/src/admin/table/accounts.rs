//! Sessions, accounts and personal tokens.

use crate::admin::accounts::{self, AccountView, NewAccount, NewPassword};
use crate::admin::endpoint::Access::{Operator, Public, SignedIn};
use crate::admin::endpoint::Endpoint;
use crate::admin::personal_tokens::{self, CredentialView, NewPersonalToken};
use crate::admin::sessions::{self, SignIn};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let e = Endpoint::new;
    vec![
        e(("POST", "/sessions"), ("signIn", "Sign in with a password"), Public, sessions::sign_in)
            .takes::<SignIn>()
            .gives::<CredentialView>()
            .before(sessions::check_password),
        e(("DELETE", "/sessions/current"), ("signOut", "Sign out"), SignedIn, sessions::sign_out),
        e(("POST", "/accounts"), ("createAccount", "Make an account"), Operator, accounts::create)
            .takes::<NewAccount>()
            .gives::<AccountView>()
            .before(accounts::hash_password),
        e(("GET", "/accounts"), ("listAccounts", "List the accounts"), Operator, accounts::list)
            .lists::<AccountView>()
            .filters(&[("email", "The account that is known by this address")]),
        e(
            ("GET", "/accounts/{account}"),
            ("getAccount", "Read an account; `me` is the caller's"),
            SignedIn,
            accounts::get,
        )
        .gives::<AccountView>(),
        e(
            ("PUT", "/accounts/{account}/password"),
            ("setPassword", "Set a password; ends all sessions and personal tokens"),
            SignedIn,
            accounts::set_password,
        )
        .takes::<NewPassword>()
        .fresh()
        .before(accounts::hash_password),
        e(
            ("POST", "/accounts/{account}/tokens"),
            ("createPersonalToken", "Make a personal token, shown once"),
            SignedIn,
            personal_tokens::create,
        )
        .takes::<NewPersonalToken>()
        .gives::<CredentialView>()
        .fresh(),
        e(
            ("GET", "/accounts/{account}/tokens"),
            ("listPersonalTokens", "List personal tokens"),
            SignedIn,
            personal_tokens::list,
        )
        .lists::<CredentialView>(),
        e(
            ("DELETE", "/accounts/{account}/tokens/{token}"),
            ("revokePersonalToken", "Revoke a personal token"),
            SignedIn,
            personal_tokens::revoke,
        ),
    ]
}
