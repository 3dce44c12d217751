// Package login says who somebody is: passwords, codes by e-mail, sessions and the keys that sign them, roles and
// invitations, second factors and API tokens. Package codes has the codes by e-mail, and package limits the limits on attempts.
//
// An account belongs to package users and is not changed by signing in. What this package keeps of an account is how its owner
// proves to be the owner. A seeded shopper has no such proof, so nobody can sign in as one.
//
// Postgres has every row. A stolen copy of the database signs nobody in as long as the session keys come from the environment:
// of passwords it has argon2id hashes, of codes, tokens, invitations and recovery codes SHA-256 digests of random values.
package login
