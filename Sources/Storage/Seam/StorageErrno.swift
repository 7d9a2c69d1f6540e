/// The errno numbers that a store answers with, positive.
package enum StorageErrno {
  package static let noEntry: Int32 = 2
  package static let ioError: Int32 = 5
  package static let exists: Int32 = 17
  package static let invalid: Int32 = 22
  package static let tooBig: Int32 = 27
  package static let noSpace: Int32 = 28
  package static let readOnly: Int32 = 30
  /// An earlier command of the same transaction failed.
  package static let cancelled: Int32 = 125
}
