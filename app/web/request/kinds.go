package request

import (
	"flashsale/events"
	"flashsale/sale"
)

// The kinds of problems. Their names are part of the API: clients tell problems apart by type.
var (
	ErrNotStarted = &Kind{"not-started", 409, "The sale has not started", "Flash sale has not started yet",
		"The sale has an announced start and it has not come. The status has startTime and timeUntilStart; press again then.",
		Page{"The sale has not started yet", "Stay on the page of the sale: the button opens by itself at the start."}}
	ErrEnded = &Kind{"ended", 409, "The sale has ended", "Flash sale has ended",
		"The sale is over. Purchases made before its end are valid; their receipts can still be looked up.",
		Page{"The sale has ended", "What was bought before the end stays bought: check your purchase on the page of the sale."}}
	ErrPaused = &Kind{"paused", 409, "The sale is paused", "Flash sale is paused",
		"The seller has stopped the sale for the moment. Nothing was bought; press again when the status is active.",
		Page{"The sale is paused, and nothing was bought", "Stay on the page of the sale, and press again when it goes on."}}
	ErrSoldOut = &Kind{"sold-out", 409, "Sold out", "Item is sold out",
		"Every unit has an owner. If a unit comes back the status is active again.",
		Page{"Everything is sold out", "Stay on the page of the sale: a unit may come back."}}
	ErrAllClaimed = &Kind{"all-claimed", 409, "Every unit is claimed", "All items are claimed at the moment, some may come back",
		"Every unit is being bought by somebody right now, but not all of these purchases are decided. Press again after Retry-After seconds.",
		Page{"Every unit is claimed right now", "Press again in a moment: some may come back."}}
	ErrGenerationChanged = &Kind{"generation-changed", 409, "The sale was started anew", "The sale was reset while you were buying, please try again",
		"The seller started the sale anew between your request and its verdict. Nothing was bought; press again to buy in the new run.",
		Page{"The sale was started anew while you were buying, and nothing was bought", "Press again to buy in the new run."}}
	ErrUndecidable = &Kind{"undecidable", 409, "The purchase could not be decided", "The purchase could not be decided and was declined",
		"The ledger could not apply this claim and declined it for good. Nothing was bought; press again to make a new one.",
		Page{"Your purchase could not be decided, and nothing was bought", "Press again to try anew."}}
	ErrNotBoughtYet = &Kind{"not-bought", 410, "Not bought", "Not bought, press again",
		"Everything in the log is decided and this claim has no verdict, so it will never get one. Nothing was bought; press again.",
		Page{"Nothing was bought", "Press again if you still want a unit."}}

	ErrSignIn = &Kind{"sign-in", 401, "Not signed in", "Sign in, or start with DEMO=true",
		"This server is not in demo mode, so it must know who is asking. Sign in, or start it with DEMO=true.",
		Page{"Nothing was done, because nobody is signed in", "Sign in, and then do it again."}}
	ErrSessionEnded = &Kind{"session-ended", 401, "Signed out", "Your session has ended, please sign in again",
		"A session ends after a time without a visit, when you sign out, and when an operator or a new password ends it. Nothing was bought; sign in and press again.",
		Page{"You were signed out, and nothing was done", "Sign in again, and then go on."}}
	ErrTokenBuys = &Kind{"token", 403, "Not for programs", "An API token cannot do this",
		"API tokens are for the operators' desk. Buying and one's own account need a person who is signed in.",
		Page{"The token of a program cannot do this", "Sign in with a browser, and do it there."}}
	ErrTokenScope = &Kind{"token-scope", 403, "Not in the token's scope", "The API token has no scope for this",
		"A token may do what its scopes say: read, operate or export. What only owners may do needs a person who is signed in.",
		Page{"This token may not do that", "Make a token that may, or sign in with a browser."}}
	ErrDemoMode = &Kind{"demo-mode", 409, "Demo mode", "There is nothing to sign in to in demo mode; start with DEMO=false",
		"In demo mode the shopper is whoever the request names and everybody is an operator. There are no passwords, sessions, roles or tokens in it.",
		Page{"There is nothing to sign in to in demo mode", "Go back to the sale, and type any name from the list of users."}}
	ErrInsecure = &Kind{"insecure", 403, "Not over HTTP", "Signing in needs HTTPS",
		"Over HTTP everybody on the way could read your password and your session. Use the https address of the shop.",
		Page{"Signing in needs a safe connection", "Open this page at its address that begins with https."}}
	ErrWrongSignIn = &Kind{"wrong-sign-in", 401, "Not signed in", "The name and the password do not belong together",
		"Either there is no such account, or it has no password, or the password is another one. The answer is the same for all three.",
		Page{"The name and the password do not belong together", "Look at both for typing mistakes, and try again."}}
	ErrWrongCode = &Kind{"wrong-code", 401, "Wrong code", "This code is not right",
		"The code was mistyped, belongs to another browser, or a newer one was sent. Each code works once.",
		Page{"The code is not right", "Look at it again, or ask for a new one."}}
	ErrCodeExpired = &Kind{"code-expired", 410, "Too late", "This code or link is too old, or was used before",
		"Codes and links work once and for a short time. Ask for a new one.",
		Page{"This code or link is too old, or was used before", "Ask for a new one."}}
	ErrMailOff = &Kind{"mail-off", 409, "No codes by e-mail", "Codes by e-mail are off",
		"This server sends no mail, so it can neither sign in by a code nor verify an address. Sign in with a password.",
		Page{"This shop sends no codes by e-mail", "Sign in with your password."}}
	ErrNoAddress = &Kind{"no-address", 409, "No confirmed address", "The account has no confirmed e-mail address",
		"Mails go only to an address that a code has confirmed. Confirm one at /account, and then ask again.",
		Page{"Your account has no confirmed e-mail address", "Confirm one on the page of your account, and then ask again."}}
	ErrSecondFactor = &Kind{"second-factor-needed", 403, "Second factor needed", "Set up your second factor first",
		"An account with a role needs the codes of an authenticator app. Set them up at /account/second-factor, and then do this again.",
		Page{"Your account needs a second factor first", "Set it up, and then do this again."}}
	ErrSecondFactorDone = &Kind{"second-factor-done", 409, "Set up already", "Your second factor is set up already",
		"An owner can reset it at /admin/team, or somebody with access to the server with `flashsale admin reset-second-factor`.",
		Page{"Your second factor is set up already", "Ask an owner to reset it if you have lost it."}}
	ErrFreshCode = &Kind{"fresh-code-needed", 403, "A fresh code needed", "Sign in by a code first, and set the password within 15 minutes",
		"Whoever sets a password without the old one has to show that the account's address is theirs. Ask for a code at /account, or with POST /sign-in/code, sign in with it, and then set the password within 15 minutes.",
		Page{"A new password needs a fresh code", "Sign in by a code, and set the password within 15 minutes."}}
	ErrTaken = &Kind{"taken", 409, "Taken", "The name is taken",
		"It belongs to an account, or once did: a name is never given to somebody new. The errors list says which field.",
		Page{"This name is taken", "Choose another one."}}
	ErrWeak = &Kind{"weak-password", 422, "Weak password", "The password is too easy to guess",
		"The errors list says why. A few words that do not belong together make a good password.",
		Page{"The password is too easy to guess", "Use a few words that do not belong together."}}
	ErrSignInBusy = &Kind{"sign-in-busy", 503, "Many are signing in", "Many people are signing in right now, please try again",
		"Checking a password takes time by design, and the queue is full. Retry-After says when there is room again.",
		Page{"Many people are signing in right now", "Wait a few seconds, and press again."}}
	ErrNoInvitation = &Kind{"no-invitation", 410, "No invitation", "This invitation is too old, or was used before",
		"The link of an invitation works once and for a limited time. Ask an owner for a new one.",
		Page{"This invitation is too old, or was used before", "Ask an owner of the shop for a new one."}}
	ErrLastOwner = &Kind{"last-owner", 409, "The last owner", "The last owner stays an owner",
		"Without an owner nobody could give roles any more. Make somebody else an owner first.",
		Page{"The last owner stays an owner", "Make somebody else an owner first."}}
	ErrOwnerExists = &Kind{"owner-exists", 409, "There is an owner", "There is an owner already",
		"The link of the first owner works only while nobody is one. An owner invites others at /admin/team.",
		Page{"The shop has an owner already", "Ask that owner for an invitation."}}
	ErrHasRole = &Kind{"has-role", 409, "Has the role", "The account has this role already, or a higher one",
		"The invitation was not used. Sign in as the person that it is for.",
		Page{"The account has this role already, or a higher one", "Sign in as the person that the invitation is for."}}
	ErrNoAccount = &Kind{"no-account", 404, "No such account", "There is no such account",
		"The name in the address belongs to no account, or to one that was archived.",
		Page{"There is no such account", "Look at the name for a typing mistake."}}
	ErrNoToken = &Kind{"no-token", 404, "No such token", "There is no such token",
		"GET /api/admin/tokens lists them all.",
		Page{"There is no such token", "Look for it in the list of tokens on the page of the team."}}
	ErrShownBefore = &Kind{"shown-before", 409, "Shown before", "It was made, and its secret was shown before",
		"A secret is shown once and not kept. Revoke what was made, or let it expire, and make another one.",
		Page{"This was made before, and its secret is shown only once", "Revoke it, and make another one."}}
	ErrNoSession = &Kind{"no-session", 404, "No such session", "There is no such session",
		"It has ended, or is not yours. GET /account/sessions lists them all.",
		Page{"That session has ended, or is not yours", "Look for it in the list of your sessions."}}
	ErrNotYou = &Kind{"not-you", 403, "Somebody else's name", "You can only buy and look up purchases for yourself",
		"The name in the request is not the one you are signed in as. Leave it out, or sign in as that shopper.",
		Page{"You can only buy and look up purchases for yourself", "Sign in as that shopper first."}}
	ErrNotOperator = &Kind{"not-operator", 403, "Operators only", "This needs the operator's role",
		"You are signed in, but not as an operator.",
		Page{"This is for the people who run the shop", "Ask an owner of the shop for a role, or go back to the sale."}}
	ErrNotAuthorized = &Kind{"not-authorized", 403, "Not authorized", "User is not authorized to make purchases",
		"The account exists, but it may not make purchases.",
		Page{"This account is not authorized to make purchases", "Use another account, or ask the shop for the reason."}}
	ErrUnknownShopper = &Kind{"user-not-found", 404, "User not found", "User not found",
		"There is no account of that name. Seed shoppers first, or check the spelling.",
		Page{"There is no such account", "Look at the name for a typing mistake."}}

	ErrNotBought = &Kind{"not-bought-retry", 503, "Not bought", "Not bought, safe to retry",
		"A part of the system did not answer in time. Nothing was bought, and pressing again is safe: you can never get two.",
		Page{"We could not finish your purchase in time, and nothing was bought", "Press again: you can never get two."}}
	ErrOverloaded = &Kind{"overloaded", 503, "Too busy", "Too busy right now: not bought, safe to retry",
		"More purchases are under way than this process takes at once. Nothing was bought; press again after Retry-After seconds.",
		Page{"More people are buying than we can take at once, and nothing was bought", "Wait a few seconds, and press again."}}
	ErrTooMany = &Kind{"too-many-requests", 429, "Too many requests", "Too many requests, please wait",
		"You, or all who share your network address, have sent more of these requests than may be sent. RateLimit-Policy names the limit, and Retry-After says when the next request is taken. Receipts can still be looked up.",
		Page{"You, or somebody who shares your connection, pressed too often", "Wait a moment, and press again."}}
	ErrTooManyStreams = &Kind{"too-many-streams", 503, "Too many live streams", "This process has no room for another live stream",
		"Streams have a share of the connections, so that there is always room for purchases, and that share is full. Ask for the status instead, or connect again after Retry-After seconds.",
		Page{"This page cannot follow the sale live right now", "Leave it open: it asks for the figures by itself."}}
	ErrTooManyOfYours = &Kind{"too-many-streams-of-network", 503, "Too many live streams", "Your network has as many live streams open as it may",
		"Each network has a share of the live streams, and that of yours is full. Ask for the status instead, or connect again after Retry-After seconds.",
		Page{"Your network has as many live pages open as it may", "Close other pages of the sale, or leave this one open: it asks for the figures by itself."}}
	ErrUnavailable = &Kind{"unavailable", 503, "Not available", "Not available right now, please try again",
		"A server this program depends on did not answer in time, so there is no true answer at the moment. Ask again after Retry-After seconds.",
		Page{"We cannot answer right now", "Wait a few seconds, and try again."}}

	ErrInvalid = &Kind{"invalid-request", 422, "Invalid request", "The request is invalid",
		"A field of the request is missing, of the wrong type or out of range. The errors list says which and what was expected.",
		Page{"Something in the form is missing or wrong", "Look at what you typed, and send it again."}}
	ErrTooLarge = &Kind{"too-large", 413, "Body too large", "The body is larger than 4 KiB",
		"Request bodies may have at most 4 KiB.",
		Page{"That is too long to be taken", "Make the text shorter, and send it again."}}
	ErrMediaType = &Kind{"media-type", 415, "Unsupported body", "The body must be application/json or application/x-www-form-urlencoded",
		"Send JSON, or an HTML form, in UTF-8 and without a content encoding.",
		Page{"This form cannot be read", "Go back, and fill in the form on its page again."}}
	ErrPosition = &Kind{"invalid-position", 400, "Invalid position", "The position of the claim is invalid",
		"The address of a claim ends with where the log has it, at=<partition>.<offset>. Use it as the Location of the 202 answer gave it.",
		Page{"The address of this purchase is not complete", "Open it from the page on which you bought."}}
	ErrUnknownPreset = &Kind{"unknown-preset", 400, "Unknown preset", "Available presets: small, medium, large, extreme",
		"The preset in the path does not exist.",
		Page{"There is no such preset", "Choose small, medium, large or extreme."}}

	ErrNotFound = &Kind{"not-found", 404, "Not found", "There is nothing at this address",
		"No route of this server has that path.",
		Page{"There is nothing at this address", "Look at the address for a typing mistake, or go back to the sale."}}
	ErrGoneRoute = &Kind{"gone", 404, "No such route", "There are no debug and stress-test routes: run `flashsale stress` on the command line",
		"The earlier system had routes for debugging and for load; this one has none. `flashsale stress` drives the load from the outside and checks every answer.",
		Page{"There are no pages for tests here", "Run the load test from the command line: flashsale stress."}}
	ErrNoSale = &Kind{"no-sale", 404, "No such sale", "There is no such sale",
		"There is no current sale, or none of that name.",
		Page{"There is no such sale", "Go back, and look at what is on sale now."}}
	ErrNoClaim = &Kind{"no-claim", 404, "No such claim", "There is no such claim",
		"The address of a claim comes from the Location of a 202 answer. It cannot be guessed.",
		Page{"There is no such purchase", "Check your purchase on the page of the sale."}}
	ErrMethod = &Kind{"method-not-allowed", 405, "Method not allowed", "This address does not take that method",
		"The Allow field of the answer lists the methods.",
		Page{"This address only works from its own page", "Go back to the sale, and start from there."}}
	ErrHost = &Kind{"host", 421, "Wrong host", "In demo mode this server answers only to localhost, 127.0.0.1, [::1] and DEMO_HOSTS",
		"Demo mode lets anybody press every button, so it answers to local names only. Set DEMO_HOSTS to add one.",
		Page{"This demonstration answers only to the names it was given", "Open it at localhost, or add this name to DEMO_HOSTS."}}
	ErrForwarded = &Kind{"forwarded", 403, "Forwarded by a proxy", "Demo mode refuses requests that a proxy has forwarded, because everybody is an operator in it; DEMO_PUBLIC=true allows them",
		"A proxy in front means that strangers may ask, and in demo mode anybody may press every button. Ask this server directly, or start it with DEMO=false, or with DEMO_PUBLIC=true if that is wanted.",
		Page{"This demonstration cannot be opened through a proxy", "Open it directly, or start it with DEMO=false or, if everybody may press every button, with DEMO_PUBLIC=true."}}
	ErrCrossSite = &Kind{"cross-site", 403, "Cross-site request", "Requests from other sites are refused",
		"The browser said that another site's page sent this request. Set CORS_ORIGINS to allow that site.",
		Page{"Another site tried to press a button here, and nothing was done", "Open this shop yourself, and do it there."}}

	ErrBusy = &Kind{"busy", 409, "Busy", "Another operation is under way, please try again",
		"Two acts of operators met, and this one was not carried out. Look at what the other one did, and try again.",
		Page{"Somebody else is changing the sale right now, and nothing was done", "Look at what changed, and press again."}}
	ErrBelowSold = &Kind{"below-sold", 409, "Below what is sold", "The stock cannot be lowered below what is already sold",
		"Purchases are kept when the stock changes, so it cannot be less than the number of units sold.",
		Page{"More units are sold than that", "Type a number that is not below what is sold."}}
	ErrWrongState = &Kind{"wrong-state", 409, "Not possible now", "The sale is not in a state that allows this",
		"For example: a sale that is not paused cannot be resumed. The status says in which state it is.",
		Page{"The sale is not in a state that allows this", "Look at its state, and choose what fits."}}
	ErrInternal = &Kind{"internal", 500, "Internal error", "Something went wrong on our side",
		"The request was fine; this server has a fault. Its log has the details under the request id of the answer.",
		Page{"Something went wrong on our side", "Try again, and tell the shop if it happens again."}}

	// Of operators' acts.
	ErrRevisionChanged = &Kind{"revision-changed", 412, "Somebody else changed the sale", "The sale was changed since you looked at it",
		"The sale is no longer at a revision that If-Match names. Look at the sale again, and repeat the act with its present ETag if it is still wanted.",
		Page{"Somebody else changed the sale, and nothing was done", "Look at the sale, and press again if you still want this."}}
	ErrRevisionRequired = &Kind{"revision-required", 428, "Which revision?", "Say in If-Match which revision of the sale you have seen",
		"This change is only made to the sale as you saw it. Send the ETag of GET /api/admin/sales/:slug as If-Match, or * for whichever.",
		Page{"This change does not say for which state of the sale it is", "Open the page again, and do it there."}}
	ErrKeyRunning = &Kind{"key-running", 409, "Under way", "An act with this Idempotency-Key is under way",
		"The first request with this key has no answer yet. Repeat it a little later to get that answer.",
		Page{"This is under way already", "Wait a moment, and look at the result."}}
	ErrKeyReused = &Kind{"key-reused", 422, "Key used before", "This Idempotency-Key was given to another request",
		"A key belongs to one request: the same method, address and body. Give the new one a key of its own.",
		Page{"This form was sent before with other values", "Open the page again, and do it there."}}
	ErrOutcomeUnknown = &Kind{"outcome-unknown", 504, "Outcome unknown", "It is not known whether this was done. With an Idempotency-Key it is safe to repeat it with the same key; without one, look first",
		"The database did not say whether the act was committed. The same request with the same Idempotency-Key does it at most once. Without a key, look at the sale's revision before you repeat it.",
		Page{"We do not know whether this was done", "Look at the sale before you do it again."}}
	ErrTimes = &Kind{"times", 422, "Times in the wrong order", "A sale starts before it ends",
		"The errors list says which of the two times is wrong.",
		Page{"A sale starts before it ends", "Change one of the two times."}}
	ErrTimesFixed = &Kind{"times-fixed", 409, "Too late for that", "These times cannot be changed so any more",
		"Once a generation of a sale has orders its start stays, and its end never moves into the past. A reset begins a generation without orders.",
		Page{"These times can no longer be changed like that", "Reset the sale to begin a run with other times."}}
	ErrSlugTaken = &Kind{"slug-taken", 409, "Slug taken", "Another sale has that slug",
		"A slug names one sale in addresses, for ever. Choose another one.",
		Page{"Another sale has that slug", "Choose another one."}}
	ErrPrice = &Kind{"price", 422, "Not a price", "The discount must be between nothing and the price",
		"What shoppers pay is the price without the discount, and is never less than nothing.",
		Page{"The discount is not between nothing and the price", "Change the price or the discount."}}
	ErrNoOrder = &Kind{"no-order", 404, "No such order", "There is no such order",
		"The id of an order is the purchaseId of its receipt.",
		Page{"There is no such order", "Look at the order number for a typing mistake."}}

	// Of the pictures of products.
	ErrNoPicture = &Kind{"no-picture", 404, "No such picture", "The sale has no such picture",
		"GET /api/admin/sales/:slug/pictures lists the pictures of a sale with their ids.",
		Page{"The sale has no such picture", "Open the page again to see the pictures that it has."}}
	ErrPictureTooLarge = &Kind{"picture-too-large", 413, "Picture too large", "The file of a picture may have at most 16 MB",
		"A picture is shown in at most 1,600 pixels. Save it smaller, or as JPEG, and upload it again.",
		Page{"The file of the picture is larger than 16 MB", "Save the picture smaller, or as JPEG, and upload it again."}}
	ErrPictureType = &Kind{"picture-type", 415, "No picture", "Send the file of a picture: as the body, with its type, or in the field picture of a form",
		"The body is a file with the type image/... or application/octet-stream, or a form (multipart/form-data) with the file in the field picture.",
		Page{"That is no picture", "Choose a PNG, JPEG, WebP or GIF file."}}
	ErrPicturesBusy = &Kind{"pictures-busy", 503, "Other pictures are under way", "Other pictures are being uploaded right now, please try again in a moment",
		"To decode a picture takes much memory, so each process takes few at once. Send it again after Retry-After seconds, one picture after the other.",
		Page{"Other pictures are being uploaded right now", "Upload yours again in a moment, one picture after the other."}}

	ErrExportsBusy = &Kind{"exports-busy", 503, "Other exports are running", "As many exports are running as may at once, please try again",
		"An export reads a whole sale over a connection of its own, so a process runs only a few at once. Try again after Retry-After seconds.",
		Page{"Other exports are running right now", "Start yours again in a moment."}}

	// Of receipts.
	ErrReceiptErased = &Kind{"receipt-erased", 410, "Receipt erased", "This receipt was erased together with the account of its owner",
		"When an account is erased its receipts are no longer shown, because they name a person. The address will not work again.",
		Page{"This receipt was erased together with the account of its owner", "Ask the shop if you need a proof of the order."}}
	ErrReceiptAway = &Kind{"receipt-unavailable", 503, "Your receipt is safe", "The receipt cannot be read right now. Nothing is lost: open this address again in a moment",
		"The database did not answer in time. An order that was confirmed is kept there, and its receipt is shown again once the database answers.",
		Page{"Your receipt is safe, but cannot be read right now", "Open its address again in a moment."}}
)

// Kinds lists them all, for the pages that explain them.
func Kinds() []*Kind {
	return []*Kind{
		ErrNotStarted, ErrEnded, ErrPaused, ErrSoldOut, ErrAllClaimed, ErrGenerationChanged, ErrUndecidable, ErrNotBoughtYet,
		ErrSignIn, ErrSessionEnded, ErrTokenBuys, ErrTokenScope, ErrDemoMode, ErrInsecure, ErrNotYou, ErrNotOperator, ErrNotAuthorized, ErrUnknownShopper,
		ErrWrongSignIn, ErrWrongCode, ErrCodeExpired, ErrMailOff, ErrNoAddress, ErrSecondFactor, ErrSecondFactorDone, ErrFreshCode, ErrTaken, ErrWeak,
		ErrSignInBusy, ErrNoInvitation, ErrLastOwner, ErrOwnerExists, ErrHasRole, ErrNoAccount, ErrNoToken, ErrShownBefore, ErrNoSession,
		ErrNotBought, ErrOverloaded, ErrTooMany, ErrTooManyStreams, ErrTooManyOfYours, ErrUnavailable,
		ErrInvalid, ErrTooLarge, ErrMediaType, ErrPosition, ErrUnknownPreset,
		ErrNotFound, ErrGoneRoute, ErrNoSale, ErrNoClaim, ErrMethod, ErrHost, ErrForwarded, ErrCrossSite,
		ErrBusy, ErrBelowSold, ErrWrongState, ErrInternal,
		ErrRevisionChanged, ErrRevisionRequired, ErrKeyRunning, ErrKeyReused, ErrOutcomeUnknown, ErrTimes, ErrTimesFixed, ErrSlugTaken, ErrPrice, ErrNoOrder,
		ErrExportsBusy, ErrNoPicture, ErrPictureTooLarge, ErrPictureType, ErrPicturesBusy,
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
