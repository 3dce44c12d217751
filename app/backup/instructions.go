package backup

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Configured are the servers of a deployment that this program has not started, and so does not copy.
type Configured struct {
	// Database is host, port and name, without user and password; Namespace the schema in it.
	Database, Namespace string
	// Brokers have the log; empty: it is embedded, below LogDir.
	Brokers []string
	LogDir  string
}

// SayBackup writes what to run for a backup into a directory.
func (c Configured) SayBackup(w io.Writer, dir string) error {
	return c.say(w, `The database at {database} is one that was configured, so its own tools copy it. Nothing was copied here. Run, where DATABASE_URL is set:

  mkdir -m 0700 {dir}
  pg_dump --dbname="$DATABASE_URL" --schema={schema} --format=custom --file={dir}/{schema}.dump      # this deployment alone{dump}
  pg_basebackup --dbname="$DATABASE_URL" --pgdata={dir}/postgres --format=tar --wal-method=stream --checkpoint=fast --progress
                                                                       # or the whole server, by a role with REPLICATION{base}

Either may run while the deployment sells, and the copy is of one moment. A server that archives its write-ahead log can be brought back to
its last second (PITR, with pgBackRest, WAL-G or what you have), and then nothing has to come from the log.
{log}
`, dir)
}

// SayRestore writes what to run to bring one back.
func (c Configured) SayRestore(w io.Writer, dir string) error {
	return c.say(w, `The database at {database} is one that was configured, so its own tools bring it back. Nothing was restored here. Stop every process, then:

  psql "$DATABASE_URL" -c 'ALTER SCHEMA {schema} RENAME TO {schema}_before'        # keeps what is there until you are sure
  pg_restore --dbname="$DATABASE_URL" --exit-on-error --single-transaction {dir}/{schema}.dump
  flashsale serve                # decides what the claims log has beyond the copy: those receipts come back, the same ones
  flashsale verify

A copy of pg_basebackup is unpacked into an empty data directory of a server of the same major version ("tar -xf base.tar", and pg_wal.tar
below pg_wal), and that server is started. Keep the claims log as it is: {kept}
`, dir)
}

func (c Configured) say(w io.Writer, text, dir string) error {
	log := `
The claims log is on ` + strings.Join(c.Brokers, ", ") + ` and stays there: give its topics a replication factor of 3, and a retention (7 days here) that is longer
than the time between two backups. What it still has comes back after a restore, so a copy of it is only needed against the loss of all brokers
(MirrorMaker 2, or the topics ` + c.Namespace + `.claims and ` + c.Namespace + `.events by your usual way).`
	kept := "what it has beyond the copy is decided again."
	if len(c.Brokers) == 0 {
		log = `
The claims log is embedded, in ` + c.LogDir + `. Copy that directory after the database, never before: cp -a ` + c.LogDir + ` ` + dir + `/`
		kept = c.LogDir + " is copied back only when it is lost."
	}
	_, err := io.WriteString(w, strings.NewReplacer("{database}", c.Database, "{schema}", c.Namespace, "{dir}", dir, "{log}", log, "{kept}", kept,
		"{dump}", absent("pg_dump"), "{base}", absent("pg_basebackup")).Replace(text))
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// absent says that a program is not there.
func absent(program string) string {
	if _, err := exec.LookPath(program); err != nil {
		return "; not on this machine's PATH"
	}
	return ""
}
