// Package codes proves that somebody reads the mails of an address, by six digits and a link: for a sign-in, a sign-up and a change of
// address. It is apart from package login because it has a table, a budget of mails and a text of its own, and of login needs only
// the roles and the errors.
//
// Postgres has only digests of codes, flows and links, so a stolen copy of the table opens nothing.
package codes
