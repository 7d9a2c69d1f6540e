/// Limits of what connects may carry.
package enum ConnectLimits {
  /// Bytes of connect data that a server accepts: eight times the structure (spec 11 §3.1).
  package static let connectDataBytesMax: UInt32 = 1536
  /// Characters of a UUID, without the NUL (spec 11 §1.2).
  package static let uuidLengthMax = 39
  /// Patch numbers by which two metadata targets may differ (spec 11 §5 row 9).
  package static let patchDistanceMax: UInt32 = 3
}
