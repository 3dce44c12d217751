package web

import (
	"flashsale/events"
	"flashsale/sale"
)

// The kinds of problems. Their names are part of the API: clients tell problems apart by type.
var (
	errNotStarted = &kind{"not-started", 409, "The sale has not started", "Flash sale has not started yet",
		"The sale has an announced start and it has not come. The status has startTime and timeUntilStart; press again then."}
	errEnded = &kind{"ended", 409, "The sale has ended", "Flash sale has ended",
		"The sale is over. Purchases made before its end are valid; their receipts can still be looked up."}
	errPaused = &kind{"paused", 409, "The sale is paused", "Flash sale is paused",
		"The seller has stopped the sale for the moment. Nothing was bought; press again when the status is active."}
	errSoldOut = &kind{"sold-out", 409, "Sold out", "Item is sold out",
		"Every unit has an owner. If a unit comes back the status is active again."}
	errAllClaimed = &kind{"all-claimed", 409, "Every unit is claimed", "All items are claimed at the moment, some may come back",
		"Every unit is being bought by somebody right now, but not all of these purchases are decided. Press again after Retry-After seconds."}
	errGenerationChanged = &kind{"generation-changed", 409, "The sale was started anew", "The sale was reset while you were buying, please try again",
		"The seller started the sale anew between the press and its verdict. Nothing was bought; press again to buy in the new run."}
	errUndecidable = &kind{"undecidable", 409, "The purchase could not be decided", "The purchase could not be decided and was declined",
		"The ledger could not apply this claim and declined it for good. Nothing was bought; press again to make a new one."}
	errNotBoughtYet = &kind{"not-bought", 410, "Not bought", "Not bought, press again",
		"All that the log holds is decided and this claim has no verdict, so it never will have one. Nothing was bought; press again."}

	errSignIn = &kind{"sign-in", 401, "Not signed in", "Sign in, or start with DEMO=true",
		"This server is not in demo mode, so it must know who is asking. Sign in, or start it with DEMO=true."}
	errNotYou = &kind{"not-you", 403, "Somebody else's name", "You can only buy and look up purchases for yourself",
		"The name in the request is not the one you are signed in as. Leave it out, or sign in as that shopper."}
	errNotOperator = &kind{"not-operator", 403, "Operators only", "This needs the operator's role",
		"You are signed in, but not as an operator."}
	errNotAuthorized = &kind{"not-authorized", 403, "Not authorized", "User is not authorized to make purchases",
		"The account exists, but it may not make purchases."}
	errUnknownShopper = &kind{"user-not-found", 404, "User not found", "User not found",
		"There is no account of that name. Seed shoppers first, or check the spelling."}

	errNotBought = &kind{"not-bought-retry", 503, "Not bought", "Not bought, safe to retry",
		"A part of the system did not answer in time. Nothing was bought, and pressing again is safe: you can never get two."}
	errOverloaded = &kind{"overloaded", 503, "Too busy", "Too busy right now: not bought, safe to retry",
		"More purchases are under way than this process takes at once. Nothing was bought; press again after Retry-After seconds."}
	errTooMany = &kind{"too-many-requests", 429, "Too many requests", "Too many requests from your network, please wait",
		"Your network has sent more purchases than it may. Retry-After says when the next one is taken. Receipts are found all the same."}
	errTooManyStreams = &kind{"too-many-streams", 503, "Too many live streams", "This process has no room for another live stream",
		"The limit of open streams is reached. Ask for the status instead, or connect again after Retry-After seconds."}
	errUnavailable = &kind{"unavailable", 503, "Not available", "Not available right now, please try again",
		"A server this program depends on did not answer in time, so there is no true answer at the moment. Ask again after Retry-After seconds."}

	errInvalid = &kind{"invalid-request", 422, "Invalid request", "The request is invalid",
		"A field of the request is missing, of the wrong type or out of range. The errors list says which and what was expected."}
	errTooLarge = &kind{"too-large", 413, "Body too large", "The body is larger than 4 KiB",
		"Request bodies may have at most 4 KiB."}
	errMediaType = &kind{"media-type", 415, "Unsupported body", "The body must be application/json or application/x-www-form-urlencoded",
		"Send JSON, or an HTML form, in UTF-8 and without a content encoding."}
	errPosition = &kind{"invalid-position", 400, "Invalid position", "The position of the claim is invalid",
		"The address of a claim ends with where the log has it, at=<partition>.<offset>. Use it as the Location of the 202 answer gave it."}
	errUnknownPreset = &kind{"unknown-preset", 400, "Unknown preset", "Available presets: small, medium, large, extreme",
		"The preset in the path does not exist."}

	errNotFound = &kind{"not-found", 404, "Not found", "There is nothing at this address",
		"No route of this server has that path."}
	errGoneRoute = &kind{"gone", 404, "Moved to the command line", "This route is gone: run `flashsale stress` instead",
		"The debug and stress-test routes of the earlier system are gone. `flashsale stress` drives the load from the outside and checks every answer."}
	errNoSale = &kind{"no-sale", 404, "No such sale", "There is no such sale",
		"There is no current sale, or none of that name."}
	errNoClaim = &kind{"no-claim", 404, "No such claim", "There is no such claim",
		"The address of a claim comes from the Location of a 202 answer. It cannot be guessed."}
	errMethod = &kind{"method-not-allowed", 405, "Method not allowed", "This address does not take that method",
		"The Allow field of the answer lists the methods."}
	errHost = &kind{"host", 421, "Wrong host", "In demo mode this server answers only to localhost, 127.0.0.1, [::1] and DEMO_HOSTS",
		"Demo mode lets anybody press every button, so it answers to local names only. Set DEMO_HOSTS to add one."}
	errCrossSite = &kind{"cross-site", 403, "Cross-site request", "Requests from other sites are refused",
		"The browser said that another site's page sent this request. Set CORS_ORIGINS to allow that site."}

	errBusy = &kind{"busy", 409, "Busy", "Another operation on this sale is under way, please try again",
		"Two operators acted on the sale at the same time. One of them won; look at the status and try again."}
	errBelowSold = &kind{"below-sold", 409, "Below what is sold", "The stock cannot be lowered below what is already sold",
		"Purchases are kept when the stock changes, so it cannot be less than the number of units sold."}
	errWrongState = &kind{"wrong-state", 409, "Not possible now", "The sale is not in a state that allows this",
		"For example: a sale that is not paused cannot be resumed. The status says in which state it is."}
	errInternal = &kind{"internal", 500, "Internal error", "Something went wrong on our side",
		"The request was fine; this server has a fault. Its log has the details under the request id of the answer."}

	// Of operators' acts.
	errRevisionChanged = &kind{"revision-changed", 412, "Somebody else changed the sale", "The sale was changed since you looked at it",
		"If-Match names a revision at which the sale no longer stands. Look at the sale again, and repeat the act with its present ETag if it is still wanted."}
	errRevisionRequired = &kind{"revision-required", 428, "Which revision?", "Say in If-Match which revision of the sale you have seen",
		"This change is only made to the sale as you saw it. Send the ETag of GET /api/admin/sales/:slug as If-Match, or * for whichever."}
	errKeyRunning = &kind{"key-running", 409, "Under way", "An act with this Idempotency-Key is under way",
		"The first request with this key has no answer yet. Repeat it a little later to get that answer."}
	errKeyReused = &kind{"key-reused", 422, "Key used before", "This Idempotency-Key was given to another request",
		"A key belongs to one request: the same method, address and body. Give the new one a key of its own."}
	errOutcomeUnknown = &kind{"outcome-unknown", 504, "Outcome unknown", "It is not known whether this was done. With an Idempotency-Key it is safe to repeat it with the same key; without one, look first",
		"The database did not say whether the act was committed. The same request with the same Idempotency-Key does it at most once. Without a key, look at the sale's revision before you repeat it."}
	errTimes = &kind{"times", 422, "Times in the wrong order", "A sale starts before it ends",
		"The errors list says which of the two times is wrong."}
	errTimesFixed = &kind{"times-fixed", 409, "Too late for that", "These times cannot be changed so any more",
		"Once a generation of a sale has orders its start stays, and its end never moves into the past. A reset begins a generation without orders."}
	errNoOrder = &kind{"no-order", 404, "No such order", "There is no such order",
		"The id of an order is the purchaseId of its receipt."}
)

// kinds lists them all, for the pages that explain them.
func kinds() []*kind {
	return []*kind{
		errNotStarted, errEnded, errPaused, errSoldOut, errAllClaimed, errGenerationChanged, errUndecidable, errNotBoughtYet,
		errSignIn, errNotYou, errNotOperator, errNotAuthorized, errUnknownShopper,
		errNotBought, errOverloaded, errTooMany, errTooManyStreams, errUnavailable,
		errInvalid, errTooLarge, errMediaType, errPosition, errUnknownPreset,
		errNotFound, errGoneRoute, errNoSale, errNoClaim, errMethod, errHost, errCrossSite,
		errBusy, errBelowSold, errWrongState, errInternal,
		errRevisionChanged, errRevisionRequired, errKeyRunning, errKeyReused, errOutcomeUnknown, errTimes, errTimesFixed, errNoOrder,
	}
}

// refusal is the problem that a reason comes to: its status, title and texts, its page and its metric.
func refusal(reason sale.Reason) *kind {
	switch reason {
	case events.ReasonNotStarted:
		return errNotStarted
	case events.ReasonEnded:
		return errEnded
	case events.ReasonPaused:
		return errPaused
	case events.ReasonSoldOut:
		return errSoldOut
	case events.ReasonAllClaimed:
		return errAllClaimed
	case events.ReasonGenerationChanged:
		return errGenerationChanged
	case events.ReasonUndecidable, events.ReasonAlreadyOwns, events.ReasonOther:
	}
	return errUndecidable
}
