// Package account holds the pages of signing in and of an account, and the team's page for owners. They load no scripts: every
// form is an ordinary form, an error stands at its field, and the first field with an error has the focus.
package account
