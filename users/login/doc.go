// Package login says who somebody is: passwords, codes by e-mail, sessions and the keys that sign them, roles and
// invitations, second factors, API tokens, and the limits on attempts.
//
// An account belongs to package users and is not changed by signing in. What this package keeps of an account is how its owner
// proves to be the owner. A seeded shopper has no such proof, so nobody can sign in as one.
//
// Postgres has every row. A stolen copy of the database signs nobody in as long as the session keys come from the environment:
// of passwords it has argon2id hashes, of codes, tokens, invitations and recovery codes SHA-256 digests of random values.
// Redis has only counts of attempts; somebody who changes them can make attempts free or refuse them, and can sign nobody in.
package login
