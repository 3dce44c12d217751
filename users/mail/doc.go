// Package mail sends mails to shoppers and operators: codes, links and notices. It knows no account.
//
// Send never waits: a mail joins a bounded queue, and Run delivers from it. A mail that the server refuses for now is tried
// again until nobody needs it any more (Message.Until). The queue is in memory, because a code that comes after a restart is
// of no use to anybody; whoever waits for it asks for another one.
//
// The password of the server and the text of a mail, which has codes, are in no log. An address of a recipient is in no log,
// metric or error either, and therefore neither is the text of a server's reply, which may repeat it: only its number is shown.
package mail
