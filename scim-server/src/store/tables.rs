//! The tables of organizations, as Diesel knows them. `schema/` makes them.

diesel::table! {
    organizations (id) {
        id -> Text,
        name -> Text,
        domains -> Text,
        created -> BigInt,
        kind -> Text,
        plan -> Text,
        admin -> Nullable<Text>,
        scim_name -> Nullable<Text>,
        scim_key -> Nullable<Text>,
        linked -> Nullable<BigInt>,
        linked_by -> Nullable<Text>,
        require_approval -> Bool,
        adoption -> Text,
        membership -> Text,
    }
}

diesel::table! {
    group_names (org, key) {
        org -> Text,
        key -> Text,
        group_id -> Text,
    }
}

diesel::table! {
    accounts (id) {
        id -> Text,
        email -> Nullable<Text>,
        key -> Nullable<Text>,
        name -> Nullable<Text>,
        password -> Nullable<Text>,
        created -> BigInt,
    }
}

diesel::table! {
    bindings (org, user_id) {
        org -> Text,
        user_id -> Text,
        account_id -> Text,
        active -> Bool,
        detached -> Bool,
    }
}

diesel::table! {
    grants (org, account_id, source) {
        org -> Text,
        account_id -> Text,
        source -> Text,
        note -> Nullable<Text>,
        suspended -> Bool,
        since -> Nullable<BigInt>,
    }
}

diesel::table! {
    roles (org, account_id) {
        org -> Text,
        account_id -> Text,
        role -> Text,
    }
}

diesel::table! {
    link_codes (org, id) {
        org -> Text,
        id -> Text,
        digest -> Text,
        hint -> Text,
        note -> Nullable<Text>,
        intended -> Nullable<Text>,
        created -> BigInt,
        created_by -> Text,
        expires -> BigInt,
        state -> Text,
        redeemed_by -> Nullable<Text>,
        ended -> Nullable<BigInt>,
    }
}

diesel::table! {
    link_requests (org) {
        org -> Text,
        id -> Text,
        admin -> Text,
        code_id -> Text,
        scim_name -> Nullable<Text>,
        created -> BigInt,
        created_by -> Text,
        expires -> BigInt,
    }
}

diesel::table! {
    domains (org, id) {
        org -> Text,
        id -> Text,
        name -> Text,
        token -> Text,
        state -> Text,
        created -> BigInt,
        verified -> Nullable<BigInt>,
        checked -> Nullable<BigInt>,
        missing -> Nullable<BigInt>,
    }
}

diesel::table! {
    sso_settings (org) {
        org -> Text,
        body -> Text,
    }
}

diesel::table! {
    teams (org, id) {
        org -> Text,
        id -> Text,
        name -> Text,
        key -> Text,
        group_id -> Nullable<Text>,
        adopted -> Bool,
        created -> BigInt,
    }
}

diesel::table! {
    team_members (org, team_id, account_id) {
        org -> Text,
        team_id -> Text,
        account_id -> Text,
        taken_out -> Bool,
    }
}

diesel::table! {
    credentials (id) {
        id -> Text,
        kind -> Text,
        account_id -> Nullable<Text>,
        digest -> Text,
        hint -> Text,
        note -> Nullable<Text>,
        created -> BigInt,
        expires -> Nullable<BigInt>,
        revoked -> Nullable<BigInt>,
    }
}

diesel::table! {
    attempts (subject, at, id) {
        subject -> Text,
        at -> BigInt,
        id -> Text,
    }
}

diesel::table! {
    idempotency_keys (caller, key) {
        caller -> Text,
        key -> Text,
        request -> Text,
        status -> BigInt,
        body -> Text,
        created -> BigInt,
    }
}

diesel::table! {
    members (org, group_id, member_id) {
        org -> Text,
        group_id -> Text,
        member_id -> Text,
        kind -> Text,
        display -> Nullable<Text>,
    }
}

diesel::table! {
    events (org, id) {
        org -> Text,
        id -> Text,
        at -> BigInt,
        name -> Text,
        actor -> Text,
        request_id -> Text,
        target -> Text,
        detail -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(group_names, organizations);
