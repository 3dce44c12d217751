// Package reminder sends a mail before a sale starts to those who asked for one. It is apart from package mail, which knows no account,
// and from login, which knows no sale; of a sale it knows its start and its name, and whoever wires it tells.
//
// A mail goes at most once for each press: the row is marked in the transaction that claims it, and the mail is handed over after the
// commit. A process that is killed between the two, or while the mail waits in the sender's queue, loses that mail. The other choice would
// send some mails twice whenever a process ends, and the queue of package mail, which is in memory, could lose them all the same. So that
// few are lost, only few wait in that queue at a time (queued), and a code for signing in never waits behind many reminders.
//
// Mails go from ten minutes before the start. When there are so many that this is too late, they begin earlier, and all processes
// together keep to one pace.
package reminder
