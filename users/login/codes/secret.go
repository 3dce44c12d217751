package codes

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
)

// codeDigits is how long a code is.
const codeDigits = 6

// codeSecrets is what the database gets only digests of.
type codeSecrets struct{ flow, link, code string }

func newCodeSecrets() codeSecrets {
	return codeSecrets{flow: newSecret(), link: newSecret(), code: newCode()}
}

// newSecret has 130 random bits and can stand in a path.
func newSecret() string { return rand.Text() }

// newCode is six digits, each code as likely as any other.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil { // the documentation of crypto/rand says that this does not happen
		panic(err)
	}
	return fmt.Sprintf("%0*d", codeDigits, n)
}

// codeMAC is what is kept of the digits, which could be guessed by trying all of them: without the flow, nobody can try.
func codeMAC(flow, code string) []byte {
	mac := hmac.New(sha256.New, []byte(flow))
	mac.Write([]byte(code))
	return mac.Sum(nil)
}
