// Package users owns the accounts: who exists, under which name, and who may purchase.
//
// A name is bound to its id for ever. Orders point at ids, so an account is never deleted: archiving hides it
// and creating the same name again brings the same person back. Every change of accounts takes the one row of
// the roster first and counts its version up, which buys three things cheaply: concurrent seeds are safe, the
// number of live accounts is exact without counting, and a reader that has followed the changes up to a version
// knows it has missed nothing below it. Changes are rare here and lookups are not, so that trade is a good one.
//
// The Store speaks to Postgres. Package users/directory keeps names in memory for the purchase path and follows the
// roster. Usernames and e-mail addresses share one space of keys in one normal form (NormalName); since a
// username holds no "@" and an address does, the two never meet.
package users
