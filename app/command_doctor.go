package app

import (
	"errors"

	"github.com/spf13/cobra"

	"flashsale/app/doctor"
)

func doctorCommand(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Show each dependency, how it answers and what to do (exit 1 when one is bad)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			d := doctor.New(t.out)
			err := withServers(t, d.Find, d.Examine)(cmd, args)
			if errors.Is(err, doctor.ErrBad) {
				return errReported
			}
			return err
		},
	}
}
