package sale

import "flashsale/events"

// Reason is why a request was refused. Verdicts contain it, so it is defined in events, whose Reasons lists them all.
type Reason = events.Reason

// Reasons of a Refused request, in the words of the problem types.
const (
	ReasonNotStarted        = events.ReasonNotStarted
	ReasonEnded             = events.ReasonEnded
	ReasonPaused            = events.ReasonPaused
	ReasonSoldOut           = events.ReasonSoldOut
	ReasonAllClaimed        = events.ReasonAllClaimed
	ReasonGenerationChanged = events.ReasonGenerationChanged
)
