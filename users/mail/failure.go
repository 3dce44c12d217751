package mail

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"

	"github.com/wneessen/go-mail"
)

// passing is true for an error after which the same mail may be taken later: the server says so (4xx), or there was no reply.
func passing(err error) bool {
	if sent := (*mail.SendError)(nil); errors.As(err, &sent) {
		switch sent.Reason {
		case mail.ErrGetSender, mail.ErrGetRcpts, mail.ErrNoUnencoded:
			return false
		default:
			return sent.IsTemp() || sent.ErrorCode() == 0
		}
	}
	if reply := (*textproto.Error)(nil); errors.As(err, &reply) {
		return reply.Code < 500
	}
	if distrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &distrusted) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// reason is an error without the words of the server, which may repeat an address or a user's name.
func reason(err error) error {
	if sent := (*mail.SendError)(nil); errors.As(err, &sent) {
		if sent.ErrorCode() == 0 {
			return errors.New("the connection ended")
		}
		return fmt.Errorf("%s, reply %d", sent.Reason, sent.ErrorCode())
	}
	if reply := (*textproto.Error)(nil); errors.As(err, &reply) {
		return fmt.Errorf("the server answers with %d", reply.Code)
	}
	return err
}
