/// The handling of the orientation in a file's EXIF data.
///
/// Cameras store the picture in the sensor's orientation and record how it must be rotated: tag
/// 0x0112 of a JPEG's first EXIF segment or of a PNG's `eXIf` chunk, 1 to 8. Damaged data count as
/// none.
public enum ImageOrientation: String, Sendable, CaseIterable {
    /// Pixels stay as they are stored, as with Pillow's `Image.open` and torchvision.
    case ignore
    /// The image is turned and mirrored as the data say, as by Pillow's `ImageOps.exif_transpose`.
    case apply
}
