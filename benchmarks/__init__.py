"""Programs that compare gjax with published results and with the reference package."""
