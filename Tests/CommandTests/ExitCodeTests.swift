// Property: the command ends with the exit codes that its manual names.
// Method: the built binary is run.
import Testing
