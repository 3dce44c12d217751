package instance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/rueidis"

	"flashsale/app/acme"
	"flashsale/app/config"
	"flashsale/app/replica"
	"flashsale/events/claimlog"
	"flashsale/migrations"
)

// service is a server that the environment names, in sentences for the operator.
type service struct {
	name, variable, start string
}

// faultError is the sentence about a service that cannot be used. The driver's error is kept for errors.Is and is not part
// of the sentence: it names what the address holds, and a server may quote what it was sent.
type faultError struct {
	sentence string
	cause    error
}

func (e *faultError) Error() string { return e.sentence }
func (e *faultError) Unwrap() error { return e.cause }

// fault is the sentence for a configured service that does not answer, or that answers and cannot be used.
func (s service) fault(place string, err error) error {
	why, answers := Refusal(err)
	sentence := fmt.Sprintf("%s does not answer at %s (%s); start it (%s), correct %s, or unset it to use the embedded one",
		s.name, place, why, s.start, s.variable)
	var denied *migrations.DeniedError
	switch {
	case errors.As(err, &denied):
		sentence = fmt.Sprintf("%s at %s answers, but %s, or correct %s", s.name, place, why, s.variable)
	case answers:
		sentence = fmt.Sprintf("%s at %s answers, but %s; correct %s", s.name, place, why, s.variable)
	}
	return &faultError{sentence, err}
}

// Refusal says in words why a server could not be used. answers is true when it answered and will answer the same when it is
// asked again; else it may only have to be started.
func Refusal(err error) (why string, answers bool) {
	var (
		postgres *pgconn.PgError
		redis    *rueidis.RedisError
		old      *versionError
		denied   *migrations.DeniedError
		command  *commandError
		ordering acme.TroubleError
		unused   *replica.UnusedError
	)
	if errors.As(err, &ordering) {
		return ordering.Error(), true
	}
	if errors.As(err, &unused) && unused.Reason != replica.Away {
		return unused.Error(), true
	}
	if errors.As(err, &command) {
		return command.Error(), true
	}
	if errors.As(err, &denied) {
		return "this user " + denied.Error(), true
	}
	if errors.As(err, &old) {
		return old.Error(), true
	}
	if errors.As(err, &postgres) {
		return postgresRefusal(postgres)
	}
	if errors.As(err, &redis) {
		return redisRefusal(redis.Error())
	}
	if why := claimlog.Refusal(err); why != "" {
		return why, true
	}
	if why := tlsRefusal(err); why != "" {
		return why, true
	}
	return silence(err), false
}

// postgresRefusal goes by the SQLSTATE. What the server says in its own words may be in any language, and names users.
func postgresRefusal(answer *pgconn.PgError) (why string, answers bool) {
	switch answer.Code {
	case "28P01":
		return "refuses this user with this password", true
	case "28000":
		return "does not let this user in from here (is there such a user? does it demand TLS, as with ?sslmode=require? see its pg_hba.conf)", true
	case "3D000":
		return "has no database of that name", true
	case "42501":
		return "this user may not use that database", true
	case "42704", "22023":
		return "does not know a parameter of the address", true
	case "57P03":
		return "it is starting or stopping", false
	case "53100":
		return "its disk is full", false
	case "53300":
		return "it has no connection left", false
	}
	return "it answers with SQLSTATE " + answer.Code, false
}

// redisRefusal goes by the first word. The rest may quote what was sent, password and all.
func redisRefusal(answer string) (why string, answers bool) {
	word, _, _ := strings.Cut(answer, " ")
	says := func(words string) bool { return strings.Contains(answer, words) }
	switch {
	case word == "WRONGPASS", says("invalid password"):
		return "refuses this user with this password", true
	case word == "NOAUTH":
		return "demands a password", true
	case word == "NOPERM":
		return "does not allow this user what is needed", true
	case says("no password is set"), says("without any password configured"):
		return "knows no password, and the address has one", true
	case word == "DENIED":
		return "takes connections from its own machine only (protected mode)", true
	case says("cluster support disabled"):
		return "is no cluster, and the address asks for one (?cluster=1, or several addresses)", true
	case says("DB index"):
		return "has no database of that number", true
	case word == "LOADING", word == "MASTERDOWN", word == "CLUSTERDOWN":
		return "it is not ready: " + word, false
	}
	return "it answers with an error", false
}

// tlsRefusal is "" when the error is not about TLS.
func tlsRefusal(err error) string {
	var (
		unverified *tls.CertificateVerificationError
		authority  x509.UnknownAuthorityError
		name       x509.HostnameError
		invalid    x509.CertificateInvalidError
		alert      tls.AlertError
		plain      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &authority):
		return "its certificate is of an authority that is not trusted here"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().After(invalid.Cert.NotAfter):
		return "its certificate has expired"
	case errors.As(err, &invalid), errors.As(err, &unverified):
		return "its certificate is not valid"
	case errors.As(err, &plain), strings.Contains(err.Error(), "server refused TLS connection"):
		return "speaks no TLS, which the address asks for"
	case errors.As(err, &alert):
		return "ends the TLS handshake (does it demand a certificate?)"
	}
	return ""
}

// silence says why nothing was answered.
func silence(err error) string {
	var (
		name    *net.DNSError
		network net.Error
		op      *net.OpError
	)
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host of that name"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time; if something runs there, is it that kind of server, with TLS as it wants it?"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it closes the connection; is it that kind of server, with TLS and credentials as it wants them?"
	case errors.As(err, &op):
		return config.HideSecrets(op.Err.Error())
	}
	if code := claimlog.Code(err); code != "" {
		return "it answers with the error " + strconv.Quote(code)
	}
	return "what answers there is not understood"
}
