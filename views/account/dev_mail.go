package account

// DevMail is a mail that a developer reads at /dev/mail. It is shown as text, with its links as text too: nothing in it acts.
type DevMail struct {
	// Path is its page.
	Path string
	// At is when it was sent, in words.
	At, To, Subject, Text string
}
