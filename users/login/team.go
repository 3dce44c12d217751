package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/users"
)

const (
	// The lock ends with the transaction. The roster is locked before it.
	lockTeam = `SELECT FROM team FOR UPDATE`

	selectRole = `SELECT r.role FROM roles r JOIN users u ON u.id = r.user_id WHERE r.user_id = $1 AND u.archived_at IS NULL`
	selectTeam = `SELECT u.id, u.username, r.role, r.given_at, r.given_by,
			EXISTS (SELECT FROM second_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)
		FROM roles r JOIN users u ON u.id = r.user_id WHERE u.archived_at IS NULL ORDER BY u.username_key`
	// An owner whom an older version of the program has archived cannot sign in, and does not count.
	countOwners = `SELECT count(*) FROM roles r JOIN users u ON u.id = r.user_id
		WHERE r.role = 'owner' AND u.archived_at IS NULL AND r.user_id <> $1`

	putRole = `INSERT INTO roles (user_id, role, given_by) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, given_at = excluded.given_at, given_by = excluded.given_by`
	deleteRole = `DELETE FROM roles WHERE user_id = $1`
	// A token that may do more than its maker now may is ended for good: it does not come back with the role.
	revokeBeyond = `UPDATE api_tokens SET revoked_at = clock_timestamp() WHERE user_id = $1 AND revoked_at IS NULL AND scopes & ~$2::int <> 0`
)

// Member is an account with a role.
type Member struct {
	Account  int64
	Username string
	Role     Role
	GivenAt  time.Time
	// GivenBy is the username of who gave the role, or "operator" for a command.
	GivenBy string
	// SecondFactor is true when the member has confirmed one.
	SecondFactor bool
}

// Giver is who gives a role, an invitation or a token.
type Giver struct {
	// Account is zero for a command on a machine of the deployment, which may do what an owner may.
	Account int64
	Name    string
}

// RoleOf is the role of an account; an archived one has none.
func (s *Store) RoleOf(ctx context.Context, account int64) (Role, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	return readRole(s.pool.QueryRow(ctx, selectRole, account))
}

// RoleTx is RoleOf as a transaction sees it.
func (s *Store) RoleTx(ctx context.Context, tx pgx.Tx, account int64) (Role, error) {
	return roleTx(ctx, tx, account)
}

func roleTx(ctx context.Context, tx pgx.Tx, account int64) (Role, error) {
	return readRole(tx.QueryRow(ctx, selectRole, account))
}

func readRole(row pgx.Row) (Role, error) {
	var name string
	err := row.Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return NoRole, nil
	}
	if err != nil {
		return NoRole, fmt.Errorf("read role: %w", err)
	}
	return ParseRole(name)
}

// Team are the accounts with a role, by username.
func (s *Store) Team(ctx context.Context) ([]Member, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectTeam)
	if err != nil {
		return nil, fmt.Errorf("read team: %w", err)
	}
	team, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Member, err error) {
		var role string
		if err := row.Scan(&m.Account, &m.Username, &role, &m.GivenAt, &m.GivenBy, &m.SecondFactor); err != nil {
			return m, err
		}
		m.GivenAt = m.GivenAt.UTC()
		m.Role, err = ParseRole(role)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read team: %w", err)
	}
	return team, nil
}

// OwnerExists is true when somebody is an owner.
func (s *Store) OwnerExists(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	return anotherOwner(s.pool.QueryRow(ctx, countOwners, 0))
}

func anotherOwner(row pgx.Row) (bool, error) {
	var owners int64
	if err := row.Scan(&owners); err != nil {
		return false, fmt.Errorf("count owners: %w", err)
	}
	return owners > 0, nil
}

// SetRoleTx gives an account a role, or takes its role away (NoRole), in the caller's READ COMMITTED transaction, and returns the
// role it had. A change ends the sessions of the account, and its tokens that may do more than the new role. Errors: ErrLastOwner,
// ErrNotOwner, users.ErrNoAccount.
func (s *Store) SetRoleTx(ctx context.Context, tx pgx.Tx, account int64, role Role, by Giver) (before Role, err error) {
	if err := s.lockAccountsTx(ctx, tx); err != nil {
		return NoRole, err
	}
	if err := ownerTx(ctx, tx, by); err != nil {
		return NoRole, err
	}
	return s.changeRoleTx(ctx, tx, account, role, by.Name)
}

// changeRoleTx is SetRoleTx under the locks of roster and team, for somebody who may do it.
func (s *Store) changeRoleTx(ctx context.Context, tx pgx.Tx, account int64, role Role, by string) (before Role, err error) {
	if before, err = roleTx(ctx, tx, account); err != nil || before == role {
		return before, err
	}
	if before == Owner {
		another, err := anotherOwner(tx.QueryRow(ctx, countOwners, account))
		if err != nil {
			return before, err
		}
		if !another {
			return before, ErrLastOwner
		}
	}
	// Archiving passes over who has a role. The roster is locked already.
	if err := users.NewStore(s.pool).ProtectTx(ctx, tx, account, role != NoRole); err != nil {
		return before, err
	}
	if err := putRoleTx(ctx, tx, account, role, by); err != nil {
		return before, err
	}
	return before, s.revokeAllTx(ctx, tx, account)
}

func putRoleTx(ctx context.Context, tx pgx.Tx, account int64, role Role, by string) error {
	var err error
	if role == NoRole {
		_, err = tx.Exec(ctx, deleteRole, account)
	} else {
		_, err = tx.Exec(ctx, putRole, account, role.String(), by)
	}
	if err == nil {
		_, err = tx.Exec(ctx, revokeBeyond, account, int(scopesOf(role)))
	}
	if err != nil {
		return fmt.Errorf("change role: %w", err)
	}
	return nil
}

// lockAccountsTx locks the roster, then the team: for a change of roles.
func (s *Store) lockAccountsTx(ctx context.Context, tx pgx.Tx) error {
	if err := users.NewStore(s.pool).LockTx(ctx, tx); err != nil {
		return err
	}
	return lockTeamTx(ctx, tx)
}

// lockTeamTx keeps all roles as they are.
func lockTeamTx(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, lockTeam); err != nil {
		return fmt.Errorf("lock the team: %w", err)
	}
	return nil
}

// ownerTx refuses who is not an owner any more, under the lock of the team: what a session says may be a second old.
func ownerTx(ctx context.Context, tx pgx.Tx, by Giver) error {
	if by.Account == 0 {
		return nil
	}
	role, err := roleTx(ctx, tx, by.Account)
	if err == nil && role != Owner {
		err = ErrNotOwner
	}
	return err
}
