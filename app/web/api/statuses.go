package api

import (
	"net/http"

	"flashsale/app/web/request"
	"flashsale/events"
)

// statuses are the status codes of the API's answers to purchase requests, and how its refusals begin. With LEGACY_STATUS a
// repeat, and a refusal for a reason that the shopper cannot change, is answered 201 with success:false, as the original did:
// this is the one place where that is decided. Everything that counts purchases looks at the answer's kind and not at its
// status.
type statuses struct {
	// repeat is that of a receipt which another request has bought.
	repeat   int
	refusals map[*request.Kind]refusal
}

// refusal is the beginning of a refusal's document, up to and with the message, and what its header says.
type refusal struct {
	status      int
	contentType []string
	head        []byte
}

func newStatuses(legacy bool) statuses {
	s := statuses{repeat: http.StatusOK, refusals: map[*request.Kind]refusal{}}
	for _, k := range request.Kinds() {
		s.refusals[k] = refusal{k.Status, request.ProblemJSON, refusalHead(k, k.Status)}
	}
	if !legacy {
		return s
	}
	s.repeat = http.StatusCreated
	asBought := []*request.Kind{request.ErrNotAuthorized, request.ErrUnknownShopper}
	for _, reason := range events.Reasons() {
		asBought = append(asBought, request.ReasonKind(reason))
	}
	for _, k := range asBought {
		s.refusals[k] = refusal{http.StatusCreated, request.PlainJSON, refusalHead(k, http.StatusCreated)}
	}
	return s
}

func refusalHead(k *request.Kind, status int) []byte {
	b := append([]byte(nil), `{"type":`...)
	b = request.AppendString(b, "/problems/"+k.Name)
	b = append(b, `,"title":`...)
	b = request.AppendString(b, k.Title)
	b = append(b, `,"status":`...)
	b = request.AppendInt(b, int64(status))
	b = append(b, `,"detail":`...)
	b = request.AppendString(b, k.Message)
	b = append(b, `,"success":false,"message":`...)
	return request.AppendString(b, k.Message)
}
