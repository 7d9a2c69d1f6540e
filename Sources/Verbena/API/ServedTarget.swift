/// Targets of a node that its user serves.
enum ServedTarget {
  /// At a time.
  static let countMax = 16
}
