// Package users owns the accounts: who exists, under which name, and who may purchase.
//
// A name is bound to its id for ever. Orders refer to ids, so an account is never deleted: archiving hides it, and
// seeding the same name again shows the same account again, unless somebody can, or could, sign in as it: such an account stays
// hidden, and signing up never takes a name that any account has or had. Every change of accounts locks the one row of the roster
// first and increases its version. This has three advantages: seeds may run at the same time, the number of live
// accounts is exact without counting, and a reader that has followed the changes up to a version knows that it has
// missed none before it. The cost is that changes wait for each other; they are rare, and lookups are not.
//
// Triggers count the live accounts of each block of a thousand ids, so that a page of the list is found without counting
// from the first account, and the roster says how much of the series exists, so that a seeding begins there. They are
// triggers because the version of the program before this one changes accounts too.
//
// The Store uses Postgres. Package users/directory keeps names in memory for the purchase path and follows the roster.
// Usernames and e-mail addresses are compared in one normal form (NormalName). A username has no "@" and an address has
// one, so they are never equal.
package users
