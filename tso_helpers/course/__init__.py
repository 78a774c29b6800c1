"""What makes the lessons a course: exercises, a learner's workspace, the explorer, the check of a machine, runs."""
