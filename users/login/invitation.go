package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// InvitationLife is how long a link that gives a role can be used, FirstOwnerLife how long that of the first owner.
	InvitationLife = 7 * 24 * time.Hour
	FirstOwnerLife = 30 * time.Minute
	// invitationBytes are 128 random bits, so that a digest without salt cannot be searched.
	invitationBytes = 16
)

const (
	insertInvitation = `INSERT INTO invitations (digest, role, first_owner, made_by, made_by_id, expires_at)
		VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6)) RETURNING expires_at`
	// What is of no use is forgotten after a month; the audit log still has who invited and who came.
	pruneInvitations = `DELETE FROM invitations WHERE expires_at < clock_timestamp() - interval '30 days'`
	voidFirstOwner   = `DELETE FROM invitations WHERE first_owner AND used_at IS NULL`

	// An invitation counts while who made it is an owner, that of the first owner while nobody is. The row is locked by the
	// lock of the team, which everybody who uses one takes first.
	selectInvitation = `SELECT i.role, i.first_owner, i.made_by, i.expires_at, coalesce(i.used_by, 0),
			i.expires_at > clock_timestamp() AND i.used_at IS NULL
			AND (i.made_by_id IS NULL OR EXISTS (SELECT FROM roles r JOIN users u ON u.id = r.user_id
				WHERE r.user_id = i.made_by_id AND r.role = 'owner' AND u.archived_at IS NULL))
			AND (NOT i.first_owner OR NOT EXISTS (SELECT FROM roles r JOIN users u ON u.id = r.user_id
				WHERE r.role = 'owner' AND u.archived_at IS NULL))
		FROM invitations i WHERE i.digest = $1`
	useInvitation = `UPDATE invitations SET used_at = clock_timestamp(), used_by = $2 WHERE digest = $1 AND used_at IS NULL`
)

// Invitation is what a link gives.
type Invitation struct {
	Role Role
	// FirstOwner is true for the link that counts only while there is no owner.
	FirstOwner bool
	// By is the username of who made it, or "operator" for a command.
	By      string
	Expires time.Time
	usedBy  int64
	valid   bool
}

// InviteTx makes a link that gives a role, once, within InvitationLife. Only a digest of the token is kept. The link dies when who
// made it is no owner any more. Errors: ErrNotOwner, ErrRole.
func (s *Store) InviteTx(ctx context.Context, tx pgx.Tx, role Role, by Giver) (token string, made Invitation, err error) {
	if role == NoRole {
		return "", made, ErrRole
	}
	if err := lockTeamTx(ctx, tx); err != nil {
		return "", made, err
	}
	if err := ownerTx(ctx, tx, by); err != nil {
		return "", made, err
	}
	return inviteTx(ctx, tx, Invitation{Role: role, By: by.Name}, by.Account, InvitationLife)
}

// FirstOwnerLinkTx makes the link of the first owner, which voids the one before. Error: ErrOwnerExists.
func (s *Store) FirstOwnerLinkTx(ctx context.Context, tx pgx.Tx) (token string, made Invitation, err error) {
	if err := lockTeamTx(ctx, tx); err != nil {
		return "", made, err
	}
	exists, err := anotherOwner(tx.QueryRow(ctx, countOwners, 0))
	if err != nil {
		return "", made, err
	}
	if exists {
		return "", made, ErrOwnerExists
	}
	if _, err := tx.Exec(ctx, voidFirstOwner); err != nil {
		return "", made, fmt.Errorf("void the link before: %w", err)
	}
	return inviteTx(ctx, tx, Invitation{Role: Owner, FirstOwner: true, By: "operator"}, 0, FirstOwnerLife)
}

func inviteTx(ctx context.Context, tx pgx.Tx, i Invitation, by int64, life time.Duration) (string, Invitation, error) {
	token := randomText(invitationBytes)
	if _, err := tx.Exec(ctx, pruneInvitations); err != nil {
		return "", i, fmt.Errorf("forget old invitations: %w", err)
	}
	var maker *int64
	if by != 0 {
		maker = &by
	}
	err := tx.QueryRow(ctx, insertInvitation, Digest(token), i.Role.String(), i.FirstOwner, i.By, maker, life.Seconds()).Scan(&i.Expires)
	if err != nil {
		return "", i, fmt.Errorf("make an invitation: %w", err)
	}
	i.Expires = i.Expires.UTC()
	return token, i, nil
}

// LookAtInvitation tells what a link gives and spends nothing. ErrExpired: it gives nothing any more, or never did.
func (s *Store) LookAtInvitation(ctx context.Context, token string) (Invitation, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	i, err := readInvitation(s.pool.QueryRow(ctx, selectInvitation, Digest(token)))
	if err == nil && !i.valid {
		err = ErrExpired
	}
	return i, err
}

// AcceptTx gives an account the role of a link and spends the link, in the caller's READ COMMITTED transaction. The account's
// sessions end. Who has accepted it before is answered the same again, as after a second click. Errors: ErrExpired, also for
// what never was a link, ErrHasRole when the account may do as much already (the link is not spent then), users.ErrNoAccount.
func (s *Store) AcceptTx(ctx context.Context, tx pgx.Tx, token string, account int64) (Role, error) {
	if err := s.lockAccountsTx(ctx, tx); err != nil {
		return NoRole, err
	}
	digest := Digest(token)
	i, err := readInvitation(tx.QueryRow(ctx, selectInvitation, digest))
	if err != nil {
		return NoRole, err
	}
	has, err := roleTx(ctx, tx, account)
	switch {
	case err != nil:
		return NoRole, err
	case i.usedBy == account && has == i.Role:
		return has, nil
	case !i.valid:
		return NoRole, ErrExpired
	case has >= i.Role:
		return has, ErrHasRole
	}
	if _, err := s.changeRoleTx(ctx, tx, account, i.Role, i.By); err != nil {
		return NoRole, err
	}
	if _, err := tx.Exec(ctx, useInvitation, digest, account); err != nil {
		return NoRole, fmt.Errorf("spend the invitation: %w", err)
	}
	return i.Role, nil
}

func readInvitation(row pgx.Row) (i Invitation, err error) {
	var role string
	err = row.Scan(&role, &i.FirstOwner, &i.By, &i.Expires, &i.usedBy, &i.valid)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, ErrExpired
	}
	if err != nil {
		return i, fmt.Errorf("read the invitation: %w", err)
	}
	i.Expires = i.Expires.UTC()
	i.Role, err = ParseRole(role)
	return i, err
}
