//! Media, places and people in JSON.

use crate::json::{Read, Reader, Writer};
use crate::wire;

pub(super) fn read_media(reader: &mut Reader<'_>) -> Read<wire::Media> {
    const FIELDS: &[&str] =
        &["file", "url", "name", "size", "mime", "width", "height", "duration_ms", "thumbnail"];
    let mut media = wire::Media::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "file" => media.file = reader.string()?.into_owned(),
            "url" => media.url = reader.string()?.into_owned(),
            "name" => media.name = reader.string()?.into_owned(),
            "size" => media.size = reader.unsigned()?,
            "mime" => media.mime = reader.string()?.into_owned(),
            "width" => media.width = reader.unsigned32()?,
            "height" => media.height = reader.unsigned32()?,
            "duration_ms" => media.duration_ms = reader.unsigned32()?,
            _ => media.thumbnail = Some(read_thumbnail(reader)?),
        }
        Ok(())
    })?;
    Ok(media)
}

fn read_thumbnail(reader: &mut Reader<'_>) -> Read<wire::Thumbnail> {
    let mut thumbnail = wire::Thumbnail::default();
    reader.fields(&["file", "url", "width", "height"], |reader, name| {
        match name {
            "file" => thumbnail.file = reader.string()?.into_owned(),
            "url" => thumbnail.url = reader.string()?.into_owned(),
            "width" => thumbnail.width = reader.unsigned32()?,
            _ => thumbnail.height = reader.unsigned32()?,
        }
        Ok(())
    })?;
    Ok(thumbnail)
}

pub(super) fn read_location(reader: &mut Reader<'_>) -> Read<wire::Location> {
    let mut location = wire::Location::default();
    reader.fields(&["latitude", "longitude", "name", "address"], |reader, name| {
        match name {
            "latitude" => location.latitude = Some(reader.float()?),
            "longitude" => location.longitude = Some(reader.float()?),
            "name" => location.name = reader.string()?.into_owned(),
            _ => location.address = reader.string()?.into_owned(),
        }
        Ok(())
    })?;
    Ok(location)
}

pub(super) fn read_contact(reader: &mut Reader<'_>) -> Read<wire::ContactCard> {
    let mut contact = wire::ContactCard::default();
    reader.fields(&["user", "name", "avatar"], |reader, name| {
        let text = reader.string()?.into_owned();
        match name {
            "user" => contact.user = text,
            "name" => contact.name = text,
            _ => contact.avatar = text,
        }
        Ok(())
    })?;
    Ok(contact)
}

pub(super) fn write_media(writer: &mut Writer<'_>, name: &'static str, media: &wire::Media) {
    writer.open_member(name);
    writer.text_if_any("file", &media.file);
    writer.text_if_any("url", &media.url);
    writer.text_if_any("name", &media.name);
    writer.wide_if_any("size", media.size);
    writer.text_if_any("mime", &media.mime);
    writer.narrow_if_any("width", media.width);
    writer.narrow_if_any("height", media.height);
    writer.narrow_if_any("duration_ms", media.duration_ms);
    if let Some(thumbnail) = &media.thumbnail {
        writer.open_member("thumbnail");
        writer.text_if_any("file", &thumbnail.file);
        writer.text_if_any("url", &thumbnail.url);
        writer.narrow_if_any("width", thumbnail.width);
        writer.narrow_if_any("height", thumbnail.height);
        writer.close_object();
    }
    writer.close_object();
}

pub(super) fn write_location(writer: &mut Writer<'_>, location: &wire::Location) {
    writer.open_member("location");
    // What was stored before both were required has no 0.
    writer.float("latitude", location.latitude.unwrap_or_default());
    writer.float("longitude", location.longitude.unwrap_or_default());
    writer.text_if_any("name", &location.name);
    writer.text_if_any("address", &location.address);
    writer.close_object();
}

pub(super) fn write_contact(writer: &mut Writer<'_>, contact: &wire::ContactCard) {
    writer.open_member("contact");
    writer.text_if_any("user", &contact.user);
    writer.text_if_any("name", &contact.name);
    writer.text_if_any("avatar", &contact.avatar);
    writer.close_object();
}
