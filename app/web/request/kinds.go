package request

import (
	"flashsale/events"
	"flashsale/sale"
)

// The kinds of problems. Their names are part of the API: clients tell problems apart by type.
var (
	ErrNotStarted = &Kind{"not-started", 409, "The sale has not started", "Flash sale has not started yet",
		"The sale has an announced start and it has not come. The status has startTime and timeUntilStart; press again then."}
	ErrEnded = &Kind{"ended", 409, "The sale has ended", "Flash sale has ended",
		"The sale is over. Purchases made before its end are valid; their receipts can still be looked up."}
	ErrPaused = &Kind{"paused", 409, "The sale is paused", "Flash sale is paused",
		"The seller has stopped the sale for the moment. Nothing was bought; press again when the status is active."}
	ErrSoldOut = &Kind{"sold-out", 409, "Sold out", "Item is sold out",
		"Every unit has an owner. If a unit comes back the status is active again."}
	ErrAllClaimed = &Kind{"all-claimed", 409, "Every unit is claimed", "All items are claimed at the moment, some may come back",
		"Every unit is being bought by somebody right now, but not all of these purchases are decided. Press again after Retry-After seconds."}
	ErrGenerationChanged = &Kind{"generation-changed", 409, "The sale was started anew", "The sale was reset while you were buying, please try again",
		"The seller started the sale anew between your request and its verdict. Nothing was bought; press again to buy in the new run."}
	ErrUndecidable = &Kind{"undecidable", 409, "The purchase could not be decided", "The purchase could not be decided and was declined",
		"The ledger could not apply this claim and declined it for good. Nothing was bought; press again to make a new one."}
	ErrNotBoughtYet = &Kind{"not-bought", 410, "Not bought", "Not bought, press again",
		"Everything in the log is decided and this claim has no verdict, so it will never get one. Nothing was bought; press again."}

	ErrSignIn = &Kind{"sign-in", 401, "Not signed in", "Sign in, or start with DEMO=true",
		"This server is not in demo mode, so it must know who is asking. Sign in, or start it with DEMO=true."}
	ErrSessionEnded = &Kind{"session-ended", 401, "Signed out", "Your session has ended, please sign in again",
		"A session ends after a time without a visit, when you sign out, and when an operator or a new password ends it. Nothing was bought; sign in and press again."}
	ErrTokenBuys = &Kind{"token", 403, "Not for programs", "An API token cannot do this",
		"API tokens are for the operators' desk. Buying and one's own account need a person who is signed in."}
	ErrTokenScope = &Kind{"token-scope", 403, "Not in the token's scope", "The API token has no scope for this",
		"A token may do what its scopes say: read, operate or export. What only owners may do needs a person who is signed in."}
	ErrDemoMode = &Kind{"demo-mode", 409, "Demo mode", "There is nothing to sign in to in demo mode; start with DEMO=false",
		"In demo mode the shopper is whoever the request names and everybody is an operator. There are no passwords, sessions, roles or tokens in it."}
	ErrInsecure = &Kind{"insecure", 403, "Not over HTTP", "Signing in needs HTTPS",
		"Over HTTP everybody on the way could read your password and your session. Use the https address of the shop."}
	ErrWrongSignIn = &Kind{"wrong-sign-in", 401, "Not signed in", "The name and the password do not belong together",
		"Either there is no such account, or it has no password, or the password is another one. The answer is the same for all three."}
	ErrWrongCode = &Kind{"wrong-code", 401, "Wrong code", "This code is not right",
		"The code was mistyped, belongs to another browser, or a newer one was sent. Each code works once."}
	ErrCodeExpired = &Kind{"code-expired", 410, "Too late", "This code or link is too old, or was used before",
		"Codes and links work once and for a short time. Ask for a new one."}
	ErrMailOff = &Kind{"mail-off", 409, "No codes by e-mail", "Codes by e-mail are off",
		"This server sends no mail, so it can neither sign in by a code nor verify an address. Sign in with a password."}
	ErrSecondFactor = &Kind{"second-factor-needed", 403, "Second factor needed", "Set up your second factor first",
		"An account with a role needs the codes of an authenticator app. Set them up at /account/second-factor, and then do this again."}
	ErrSecondFactorDone = &Kind{"second-factor-done", 409, "Set up already", "Your second factor is set up already",
		"An owner can reset it at /admin/team, or somebody with access to the server with `flashsale admin reset-second-factor`."}
	ErrFreshCode = &Kind{"fresh-code-needed", 403, "A fresh code needed", "Sign in by a code first, and set the password within 15 minutes",
		"Whoever sets a password without the old one has to show that the account's address is theirs. Ask for a code at /account, or with POST /sign-in/code, sign in with it, and then set the password within 15 minutes."}
	ErrTaken = &Kind{"taken", 409, "Taken", "The name is taken",
		"It belongs to an account, or once did: a name is never given to somebody new. The errors list says which field."}
	ErrWeak = &Kind{"weak-password", 422, "Weak password", "The password is too easy to guess",
		"The errors list says why. A few words that do not belong together make a good password."}
	ErrSignInBusy = &Kind{"sign-in-busy", 503, "Many are signing in", "Many people are signing in right now, please try again",
		"Checking a password takes time by design, and the queue is full. Retry-After says when there is room again."}
	ErrNoInvitation = &Kind{"no-invitation", 410, "No invitation", "This invitation is too old, or was used before",
		"The link of an invitation works once and for a limited time. Ask an owner for a new one."}
	ErrLastOwner = &Kind{"last-owner", 409, "The last owner", "The last owner stays an owner",
		"Without an owner nobody could give roles any more. Make somebody else an owner first."}
	ErrOwnerExists = &Kind{"owner-exists", 409, "There is an owner", "There is an owner already",
		"The link of the first owner works only while nobody is one. An owner invites others at /admin/team."}
	ErrHasRole = &Kind{"has-role", 409, "Has the role", "The account has this role already, or a higher one",
		"The invitation was not used. Sign in as the person that it is for."}
	ErrNoAccount = &Kind{"no-account", 404, "No such account", "There is no such account",
		"The name in the address belongs to no account, or to one that was archived."}
	ErrNoToken = &Kind{"no-token", 404, "No such token", "There is no such token",
		"GET /api/admin/tokens lists them all."}
	ErrShownBefore = &Kind{"shown-before", 409, "Shown before", "It was made, and its secret was shown before",
		"A secret is shown once and not kept. Revoke what was made, or let it expire, and make another one."}
	ErrNoSession = &Kind{"no-session", 404, "No such session", "There is no such session",
		"It has ended, or is not yours. GET /account/sessions lists them all."}
	ErrNotYou = &Kind{"not-you", 403, "Somebody else's name", "You can only buy and look up purchases for yourself",
		"The name in the request is not the one you are signed in as. Leave it out, or sign in as that shopper."}
	ErrNotOperator = &Kind{"not-operator", 403, "Operators only", "This needs the operator's role",
		"You are signed in, but not as an operator."}
	ErrNotAuthorized = &Kind{"not-authorized", 403, "Not authorized", "User is not authorized to make purchases",
		"The account exists, but it may not make purchases."}
	ErrUnknownShopper = &Kind{"user-not-found", 404, "User not found", "User not found",
		"There is no account of that name. Seed shoppers first, or check the spelling."}

	ErrNotBought = &Kind{"not-bought-retry", 503, "Not bought", "Not bought, safe to retry",
		"A part of the system did not answer in time. Nothing was bought, and pressing again is safe: you can never get two."}
	ErrOverloaded = &Kind{"overloaded", 503, "Too busy", "Too busy right now: not bought, safe to retry",
		"More purchases are under way than this process takes at once. Nothing was bought; press again after Retry-After seconds."}
	ErrTooMany = &Kind{"too-many-requests", 429, "Too many requests", "Too many requests, please wait",
		"You, or all who share your network address, have sent more of these requests than may be sent. RateLimit-Policy names the limit, and Retry-After says when the next request is taken. Receipts can still be looked up."}
	ErrTooManyStreams = &Kind{"too-many-streams", 503, "Too many live streams", "This process has no room for another live stream",
		"Streams have a share of the connections, so that there is always room for purchases, and that share is full. Ask for the status instead, or connect again after Retry-After seconds."}
	ErrTooManyOfYours = &Kind{"too-many-streams-of-network", 503, "Too many live streams", "Your network has as many live streams open as it may",
		"Each network has a share of the live streams, and that of yours is full. Ask for the status instead, or connect again after Retry-After seconds."}
	ErrUnavailable = &Kind{"unavailable", 503, "Not available", "Not available right now, please try again",
		"A server this program depends on did not answer in time, so there is no true answer at the moment. Ask again after Retry-After seconds."}

	ErrInvalid = &Kind{"invalid-request", 422, "Invalid request", "The request is invalid",
		"A field of the request is missing, of the wrong type or out of range. The errors list says which and what was expected."}
	ErrTooLarge = &Kind{"too-large", 413, "Body too large", "The body is larger than 4 KiB",
		"Request bodies may have at most 4 KiB."}
	ErrMediaType = &Kind{"media-type", 415, "Unsupported body", "The body must be application/json or application/x-www-form-urlencoded",
		"Send JSON, or an HTML form, in UTF-8 and without a content encoding."}
	ErrPosition = &Kind{"invalid-position", 400, "Invalid position", "The position of the claim is invalid",
		"The address of a claim ends with where the log has it, at=<partition>.<offset>. Use it as the Location of the 202 answer gave it."}
	ErrUnknownPreset = &Kind{"unknown-preset", 400, "Unknown preset", "Available presets: small, medium, large, extreme",
		"The preset in the path does not exist."}

	ErrNotFound = &Kind{"not-found", 404, "Not found", "There is nothing at this address",
		"No route of this server has that path."}
	ErrGoneRoute = &Kind{"gone", 404, "No such route", "There are no debug and stress-test routes: run `flashsale stress` on the command line",
		"The earlier system had routes for debugging and for load; this one has none. `flashsale stress` drives the load from the outside and checks every answer."}
	ErrNoSale = &Kind{"no-sale", 404, "No such sale", "There is no such sale",
		"There is no current sale, or none of that name."}
	ErrNoClaim = &Kind{"no-claim", 404, "No such claim", "There is no such claim",
		"The address of a claim comes from the Location of a 202 answer. It cannot be guessed."}
	ErrMethod = &Kind{"method-not-allowed", 405, "Method not allowed", "This address does not take that method",
		"The Allow field of the answer lists the methods."}
	ErrHost = &Kind{"host", 421, "Wrong host", "In demo mode this server answers only to localhost, 127.0.0.1, [::1] and DEMO_HOSTS",
		"Demo mode lets anybody press every button, so it answers to local names only. Set DEMO_HOSTS to add one."}
	ErrForwarded = &Kind{"forwarded", 403, "Forwarded by a proxy", "Demo mode refuses requests that a proxy has forwarded, because everybody is an operator in it; DEMO_PUBLIC=true allows them",
		"A proxy in front means that strangers may ask, and in demo mode anybody may press every button. Ask this server directly, or start it with DEMO=false, or with DEMO_PUBLIC=true if that is wanted."}
	ErrCrossSite = &Kind{"cross-site", 403, "Cross-site request", "Requests from other sites are refused",
		"The browser said that another site's page sent this request. Set CORS_ORIGINS to allow that site."}

	ErrBusy = &Kind{"busy", 409, "Busy", "Another operation is under way, please try again",
		"Two acts of operators met, and this one was not carried out. Look at what the other one did, and try again."}
	ErrBelowSold = &Kind{"below-sold", 409, "Below what is sold", "The stock cannot be lowered below what is already sold",
		"Purchases are kept when the stock changes, so it cannot be less than the number of units sold."}
	ErrWrongState = &Kind{"wrong-state", 409, "Not possible now", "The sale is not in a state that allows this",
		"For example: a sale that is not paused cannot be resumed. The status says in which state it is."}
	ErrInternal = &Kind{"internal", 500, "Internal error", "Something went wrong on our side",
		"The request was fine; this server has a fault. Its log has the details under the request id of the answer."}

	// Of operators' acts.
	ErrRevisionChanged = &Kind{"revision-changed", 412, "Somebody else changed the sale", "The sale was changed since you looked at it",
		"The sale is no longer at a revision that If-Match names. Look at the sale again, and repeat the act with its present ETag if it is still wanted."}
	ErrRevisionRequired = &Kind{"revision-required", 428, "Which revision?", "Say in If-Match which revision of the sale you have seen",
		"This change is only made to the sale as you saw it. Send the ETag of GET /api/admin/sales/:slug as If-Match, or * for whichever."}
	ErrKeyRunning = &Kind{"key-running", 409, "Under way", "An act with this Idempotency-Key is under way",
		"The first request with this key has no answer yet. Repeat it a little later to get that answer."}
	ErrKeyReused = &Kind{"key-reused", 422, "Key used before", "This Idempotency-Key was given to another request",
		"A key belongs to one request: the same method, address and body. Give the new one a key of its own."}
	ErrOutcomeUnknown = &Kind{"outcome-unknown", 504, "Outcome unknown", "It is not known whether this was done. With an Idempotency-Key it is safe to repeat it with the same key; without one, look first",
		"The database did not say whether the act was committed. The same request with the same Idempotency-Key does it at most once. Without a key, look at the sale's revision before you repeat it."}
	ErrTimes = &Kind{"times", 422, "Times in the wrong order", "A sale starts before it ends",
		"The errors list says which of the two times is wrong."}
	ErrTimesFixed = &Kind{"times-fixed", 409, "Too late for that", "These times cannot be changed so any more",
		"Once a generation of a sale has orders its start stays, and its end never moves into the past. A reset begins a generation without orders."}
	ErrSlugTaken = &Kind{"slug-taken", 409, "Slug taken", "Another sale has that slug",
		"A slug names one sale in addresses, for ever. Choose another one."}
	ErrPrice = &Kind{"price", 422, "Not a price", "The discount must be between nothing and the price",
		"What shoppers pay is the price without the discount, and is never less than nothing."}
	ErrNoOrder = &Kind{"no-order", 404, "No such order", "There is no such order",
		"The id of an order is the purchaseId of its receipt."}

	// Of receipts.
	ErrReceiptErased = &Kind{"receipt-erased", 410, "Receipt erased", "This receipt was erased together with the account of its owner",
		"When an account is erased its receipts are no longer shown, because they name a person. The address will not work again."}
	ErrReceiptAway = &Kind{"receipt-unavailable", 503, "Your receipt is safe", "The receipt cannot be read right now. Nothing is lost: open this address again in a moment",
		"The database did not answer in time. An order that was confirmed is kept there, and its receipt is shown again once the database answers."}
)

// Kinds lists them all, for the pages that explain them.
func Kinds() []*Kind {
	return []*Kind{
		ErrNotStarted, ErrEnded, ErrPaused, ErrSoldOut, ErrAllClaimed, ErrGenerationChanged, ErrUndecidable, ErrNotBoughtYet,
		ErrSignIn, ErrSessionEnded, ErrTokenBuys, ErrTokenScope, ErrDemoMode, ErrInsecure, ErrNotYou, ErrNotOperator, ErrNotAuthorized, ErrUnknownShopper,
		ErrWrongSignIn, ErrWrongCode, ErrCodeExpired, ErrMailOff, ErrSecondFactor, ErrSecondFactorDone, ErrFreshCode, ErrTaken, ErrWeak,
		ErrSignInBusy, ErrNoInvitation, ErrLastOwner, ErrOwnerExists, ErrHasRole, ErrNoAccount, ErrNoToken, ErrShownBefore, ErrNoSession,
		ErrNotBought, ErrOverloaded, ErrTooMany, ErrTooManyStreams, ErrTooManyOfYours, ErrUnavailable,
		ErrInvalid, ErrTooLarge, ErrMediaType, ErrPosition, ErrUnknownPreset,
		ErrNotFound, ErrGoneRoute, ErrNoSale, ErrNoClaim, ErrMethod, ErrHost, ErrForwarded, ErrCrossSite,
		ErrBusy, ErrBelowSold, ErrWrongState, ErrInternal,
		ErrRevisionChanged, ErrRevisionRequired, ErrKeyRunning, ErrKeyReused, ErrOutcomeUnknown, ErrTimes, ErrTimesFixed, ErrSlugTaken, ErrPrice, ErrNoOrder,
		ErrReceiptErased, ErrReceiptAway,
	}
}

// ReasonKind is the problem that a reason is answered with: its status, title and texts, its page and its metric.
func ReasonKind(reason sale.Reason) *Kind {
	switch reason {
	case events.ReasonNotStarted:
		return ErrNotStarted
	case events.ReasonEnded:
		return ErrEnded
	case events.ReasonPaused:
		return ErrPaused
	case events.ReasonSoldOut:
		return ErrSoldOut
	case events.ReasonAllClaimed:
		return ErrAllClaimed
	case events.ReasonGenerationChanged:
		return ErrGenerationChanged
	case events.ReasonUndecidable, events.ReasonAlreadyOwns, events.ReasonOther:
	}
	return ErrUndecidable
}

// AnswerKind is the problem of an answer that is a refusal.
func AnswerKind(a *sale.Answer) *Kind {
	switch a.Kind {
	case sale.Refused:
		return ReasonKind(a.Reason)
	case sale.NotAuthorized:
		return ErrNotAuthorized
	case sale.UnknownShopper:
		return ErrUnknownShopper
	case sale.Overloaded:
		return ErrOverloaded
	case sale.TooOften:
		return ErrTooMany
	case sale.Unavailable, sale.Bought, sale.AlreadyBought, sale.Pending: // but for the first, no refusals
	}
	return ErrNotBought
}
