//! The guest `archive`.

forecourt_sdk::plugin!(Archive);

use collections::{FORMS, PAPERS};
use forecourt_sdk::KernelError;
use wit::archive::papers::{Details, Error, Guest};
use wit::archive::records::{Paper, Side};

struct Archive;

fn plain(id: String, scan: String) -> Paper {
    Paper { id, sides: vec![Side { scan, note: String::new() }], signature: None }
}

fn told(error: KernelError) -> Error {
    match error {
        KernelError::Storage(forecourt_sdk::StorageError::Invalid(field)) => Error::Refused((field.pointer, field.rule)),
        other => other.into(),
    }
}

impl Guest for Archive {
    fn file(paper: Paper) -> Result<Paper, Error> {
        PAPERS.put(&paper.id, &paper).map_err(told)?;
        Ok(paper)
    }

    fn file_plainly(id: String, scan: String) -> Result<(), Error> {
        let paper = plain(id, scan);
        PAPERS.put(&paper.id, &paper).map_err(told)
    }

    fn file_form(id: String, scan: String) -> Result<(), Error> {
        let form = plain(id, scan);
        FORMS.put(&form.id, &form).map_err(told)
    }

    fn remove(id: String) -> Result<(), Error> {
        Ok(PAPERS.delete(&id)?)
    }

    fn get_paper(id: String) -> Result<Paper, Error> {
        PAPERS.get(&id)?.ok_or(Error::NotFound)
    }

    fn get_details(scan: String) -> Result<Option<Details>, Error> {
        Ok(forecourt_sdk::files::info(&scan).map(|known| Details {
            bytes: known.bytes,
            media_type: known.media_type,
            by: known.uploaded_by,
        }))
    }
}
