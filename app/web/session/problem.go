package session

import (
	"errors"
	"time"

	"flashsale/app/web/request"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/codes"
	"flashsale/views/text"
)

// coolDown is the shortest time after too many wrong codes of a second factor.
const coolDown = 10 * time.Minute

// mailWait is when it is worth another try while too many mails wait.
const mailWait = 10 * time.Second

// problem is the answer to an error of a domain. field is the one that a refused name was in. An error that means the same in
// every place is found here; what a refusal means depends on the place, which passes its own kind.
func problem(err error, field string, refused error) error {
	var (
		weak *login.WeakError
		busy *login.BusyError
		name *users.NameError
		own  *users.TakenError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &weak):
		return weakPassword(weak.Field, weak.Reason)
	case errors.As(err, &busy):
		return later(request.ErrSignInBusy, busy.Wait)
	case errors.As(err, &name):
		return request.RefusedName(field, name.Reason)
	case errors.As(err, &own) && own.Field == fieldEmail:
		return request.WrongField(request.ErrTaken, fieldEmail, text.Key("is taken, please use another one"))
	case errors.Is(err, login.ErrTaken), errors.Is(err, users.ErrTaken):
		return request.WrongField(request.ErrTaken, field, text.Key("is taken, please choose another one"))
	case errors.Is(err, login.ErrRefused):
		return refused
	case errors.Is(err, login.ErrCooling):
		return later(request.ErrTooMany, coolDown)
	case errors.Is(err, codes.ErrOff):
		return request.ErrMailOff
	case errors.Is(err, codes.ErrBusy):
		return later(request.ErrSignInBusy, mailWait)
	case errors.Is(err, users.ErrNoAccount):
		return request.ErrSessionEnded // the account is gone, and its sessions with it
	case errors.Is(err, login.ErrExpired):
		return request.ErrCodeExpired
	}
	return err
}

// weakPassword says in whole sentences why a password is not taken.
func weakPassword(field, reason string) error {
	p := request.ErrWeak.Problem(reason)
	p.Message, p.Errors = reason, []request.FieldProblem{{Field: field, Message: reason}}
	return &request.ProblemError{Kind: request.ErrWeak, Problem: p}
}

// wrongCode says at the field that a code is not right.
func wrongCode() error {
	return request.WrongField(request.ErrWrongCode, fieldCode, text.Key("is not right: look again, or ask for a new one"))
}

// wrongFactor is wrongCode for an app, which nobody can ask for another code.
func wrongFactor() error {
	return request.WrongField(request.ErrWrongCode, fieldCode, text.Key("is not right, or was used before: type the one that the app shows now"))
}
