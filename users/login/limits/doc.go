// Package limits bounds how often somebody may try: sign-ins, codes, tokens, requests and presses of the button. It is apart from
// package login because it knows no account and no proof, only keys and counts, and because the routes of the whole shop are under it.
//
// The table is Policies. Limits count in Redis, for all processes together; Presses count in memory, because a press must not cost a
// round trip. Who writes to Redis can make attempts free or refuse them, and can sign nobody in.
package limits
